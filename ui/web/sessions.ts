import { createHash, randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as s from '../../protocol/schema.ts';
import { readState, writeState } from './state-file.ts';

/** Who is signed in. Kept as hashes, on the disk as well: every update reboots the box, and its verdict is to be seen. */
export interface Sessions {
  /** @returns the token, which is told to the browser and to nobody else */
  open(): Promise<string>;
  /** The name of the session of a token, if it lives; with `use`, it was used just now. */
  find(token: string | undefined, use: boolean): string | undefined;
  lives(name: string): boolean;
  /** Both throw when the disk keeps what would live again after a restart. */
  close(name: string): Promise<void>;
  closeAll(): Promise<void>;
  readonly count: number;
  /** Writes when they were last used. */
  save(): Promise<void>;
}

const idleMs = 30 * 60_000;
const longestMs = 12 * 3_600_000;
/** A clock that is put right by less does not end a session. */
const clockSlackMs = 10 * 60_000;
const most = 50;
/** How old what is on the disk may be: a card wears out by every write. */
const saveMs = 10 * 60_000;

const schema = s.record(s.string(), s.object({ bornMs: s.number(), usedMs: s.number() }));

/** @param ended called for each session that ends before its time */
export async function openSessions(
  state: string,
  nowMs: () => number,
  ended: (name: string) => void = () => {},
): Promise<Sessions> {
  const file = join(state, 'sessions.json');
  const all = new Map(Object.entries((await readState(file, schema)) ?? {}));
  let savedMs = nowMs();

  function isOver({ bornMs, usedMs }: { bornMs: number; usedMs: number }): boolean {
    const [idle, age] = [nowMs() - usedMs, nowMs() - bornMs];
    return idle > idleMs || age > longestMs || idle < -clockSlackMs;
  }
  function sweep(): void {
    for (const [name, session] of all) if (isOver(session)) all.delete(name);
  }
  async function save(): Promise<void> {
    sweep();
    savedMs = nowMs();
    await writeState(file, Object.fromEntries(all));
  }
  /** On a full disk the file can still go: after a restart nobody is signed in, rather than who signed out. */
  const saveOrRemove = (): Promise<void> => save().catch(() => rm(file, { force: true }));

  const sessions: Sessions = {
    async open() {
      sweep();
      const token = randomBytes(32).toString('base64url');
      all.set(nameOf(token), { bornMs: nowMs(), usedMs: nowMs() });
      const tooMany = [...all.keys()].slice(0, -most);
      for (const name of tooMany) all.delete(name);
      tooMany.forEach(ended);
      // On a full or read-only disk it lives until this process ends: nobody else could look what is wrong.
      await save().catch(() => {});
      return token;
    },
    find(token, use) {
      const name = token === undefined ? '' : nameOf(token);
      const session = all.get(name);
      if (!session || isOver(session)) return undefined;
      if (use) session.usedMs = nowMs();
      // Not worth an error: at worst somebody signs in again after a reboot.
      if (use && nowMs() - savedMs > saveMs) save().catch(() => {});
      return name;
    },
    lives(name) {
      const session = all.get(name);
      return session !== undefined && !isOver(session);
    },
    async close(name) {
      all.delete(name);
      ended(name);
      await saveOrRemove();
    },
    async closeAll() {
      const names = [...all.keys()];
      all.clear();
      names.forEach(ended);
      await saveOrRemove();
    },
    get count() {
      sweep();
      return all.size;
    },
    save,
  };
  return sessions;
}

const nameOf = (token: string): string => createHash('sha256').update(token).digest('hex');
