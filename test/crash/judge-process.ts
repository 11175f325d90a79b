/** A process that takes one disk after the other, boots a box from it and tells what came of it. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { workerHere } from '../../daemon/work/worker.ts';
import { type Action, type Machine, toRest } from './boots.ts';
import { type Disk, digest, type Inode } from './disk.ts';
import { readDisk, writeDisk } from './folder.ts';
import type { End } from './modes.ts';
import { isIgnored } from './operations.ts';
import { look, type Report } from './report.ts';
import { recordedIn, type Workshop } from './workshop.ts';

export interface Job {
  readonly disk: Disk;
  readonly end: End;
  /** Wall clock of the box, ms. */
  readonly nowMs: number;
}

export interface JudgeSettings extends Pick<Workshop, 'folder' | 'bin' | 'quickBin' | 'guard'> {
  readonly name: string;
  /** A good release that every box must take in the end, and what is below /usr and /etc then. */
  readonly next: { readonly path: string; readonly version: number; readonly tree: string } | null;
}

export function openJudge(settings: JudgeSettings) {
  const { folder, bin, guard, name, next } = settings;
  const proven = new Set<string>();
  /** Boxes on their way by what they were like at the beginning of a step, and what came of them. */
  const ways = new Map<string, Report>();
  let count = 0;

  /** @param known false: to its end, whatever is known */
  async function judge({ disk, end, nowMs }: Job, actions: readonly Action[] = [], known = true): Promise<Report> {
    const log: string[] = [];
    // A new place each time: what an updater that was left alone still has in hand must not get into the next box.
    const root = join(folder, `box-${name}-${++count}`);
    const passed: string[] = [];
    let way: Report | undefined;
    const machine: Machine = {
      root,
      bin,
      guard,
      nowMs,
      newWorker: workerHere,
      say: (line) => void log.push(line),
      knownFrom(step) {
        if (!known) return false;
        const like = `${step} ${likeness(moved(readDisk(root), root, recordedIn(folder)))}`;
        way = ways.get(like);
        if (!way) passed.push(like);
        return way !== undefined;
      },
    };
    writeDisk(root, moved(disk, recordedIn(folder), root));
    try {
      await toRest(machine, actions, { up: end === 'died' });
      if (way) return { ...way, log: [...log, 'from here on it went as before:', ...way.log] };
      const found = look(root);
      const report = {
        ...found,
        error: null,
        next: actions.length > 0 ? null : await takesNext(machine, found.step),
        log,
      };
      for (const like of passed) ways.set(like, report);
      return report;
    } catch (thrown) {
      return { ...look(root), error: String(thrown), next: null, log };
    } finally {
      forget(root);
    }
  }

  /** Boxes that rest in the same way need not all be asked. */
  async function takesNext({ knownFrom: _, ...machine }: Machine, step: string): Promise<string | null> {
    if (!next || (step !== 'idle' && step !== 'none')) return null;
    const { root } = machine;
    const rest = likeness(moved(readDisk(root), root, recordedIn(folder)));
    if (proven.has(rest)) return null;
    try {
      await toRest(machine, [{ do: 'file', path: next.path }], { up: true });
    } catch (thrown) {
      return String(thrown);
    }
    const after = look(root);
    const last = after.history.at(-1);
    if (last?.outcome !== 'confirmed' || last.to !== next.version)
      return `${last?.outcome} ${last?.because?.message ?? ''}`;
    if (after.tree !== next.tree || after.running !== next.version) return 'confirmed, but not whole';
    proven.add(rest);
    return null;
  }

  return { judge };
}

/** A scratch box knows the folder that it lies in: its journal names files by it. */
function moved(disk: Disk, from: string, to: string): Disk {
  const all = new Map(disk);
  for (const [ino, inode] of disk) {
    if (!isJson(inode) || !inode.data.includes(`${from}/`)) continue;
    all.set(ino, {
      ...inode,
      data: Buffer.from(inode.data.toString('latin1').replaceAll(`${from}/`, `${to}/`), 'latin1'),
    });
  }
  return all;
}

const isJson = ({ kind, data }: Inode): boolean => kind === 'file' && data[0] === 0x7b;

/** Somebody may still be writing there: then it goes with the folder that all of them are in. */
function forget(root: string): void {
  try {
    rmSync(root, { recursive: true, force: true });
  } catch {
    // not empty any more
  }
}

/** The same for boxes that differ in nothing that decides: not in times of what an update does not put back. */
const likeness = (disk: Disk): string =>
  digest(
    new Map(
      [...disk].map(([ino, inode]) => {
        return [ino, isJson(inode) ? { ...inode, data: timeless(inode.data) } : inode];
      }),
    ),
    (path) => /^\/(usr|etc)\//.test(path),
    (path) => isIgnored(path) || /^\/run\/(boot_id|opq-updater\/(heartbeat|checks\.json))$/.test(path),
  );

const timeless = (json: Buffer): Buffer =>
  Buffer.from(
    json
      .toString()
      .replace(/"\d{4}-\d\d-\d\dT[^"]*"/g, '"time"')
      .replace(/"(seconds|outage_?[sS]|bootId|boot_id|stoppedAtMs)":(\{[^}]*\}|[^,}]*)/g, '"$1":0'),
  );

/** Takes its settings first, then jobs, one at a time. */
export function runJudge(): Promise<number> {
  let judge: ReturnType<typeof openJudge>['judge'] | undefined;
  process.on('message', async (message: JudgeSettings | Job) => {
    if ('folder' in message) {
      process.env.PATH = `${message.quickBin}:${process.env.PATH}`;
      judge = openJudge(message).judge;
    } else process.send!(await judge!(message));
  });
  process.once('disconnect', () => process.exit(0));
  return new Promise(() => {});
}
