/** A process that takes one disk after the other, boots a box from it and tells what came of it. */
import { join } from 'node:path';
import { workerHere } from '../../daemon/work/worker.ts';
import { type Action, type Machine, toRest } from './boots.ts';
import { type Disk, digest } from './disk.ts';
import { readDisk, writeDisk } from './folder.ts';
import type { End } from './modes.ts';
import { look, type Report } from './report.ts';
import type { Workshop } from './workshop.ts';

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
  const root = join(folder, `box-${name}`);
  const proven = new Set<string>();

  async function judge({ disk, end, nowMs }: Job, actions: readonly Action[] = []): Promise<Report> {
    const log: string[] = [];
    const machine: Machine = { root, bin, guard, nowMs, newWorker: workerHere, say: (line) => void log.push(line) };
    let boots = 0;
    let error: string | null = null;
    writeDisk(root, disk);
    try {
      boots = await toRest(machine, actions, { up: end === 'died' });
    } catch (thrown) {
      error = String(thrown);
    }
    const found = look(root);
    const nextFault = error === null && next && !actions.length ? await takesNext(machine, found.step) : null;
    return { ...found, error, boots, next: nextFault, log };
  }

  /** Boxes that rest in the same way need not all be asked. */
  async function takesNext(machine: Machine, step: string): Promise<string | null> {
    if (step !== 'idle' && step !== 'none') return null;
    const rest = restOf(readDisk(root));
    if (proven.has(rest)) return null;
    try {
      await toRest(machine, [{ do: 'file', path: next!.path }], { up: true });
    } catch (thrown) {
      return String(thrown);
    }
    const after = look(root);
    const last = after.history.at(-1);
    if (last?.outcome !== 'confirmed' || last.to !== next!.version) return `${last?.outcome} ${last?.because?.message ?? ''}`;
    if (after.tree !== next!.tree || after.running !== next!.version) return 'confirmed, but not whole';
    proven.add(rest);
    return null;
  }

  return { judge };
}

/** What a rest is like, but for times. */
const restOf = (disk: Disk): string =>
  digest(
    new Map(
      [...disk].map(([ino, inode]) => [
        ino,
        { ...inode, mtimeNs: 0n, data: /^\{"/.test(inode.data.toString('latin1', 0, 2)) ? timeless(inode.data) : inode.data },
      ]),
    ),
    (path) => path.startsWith('/run') || path.startsWith('/var/log'),
  );

const timeless = (json: Buffer): Buffer =>
  Buffer.from(
    json
      .toString()
      .replace(/"\d{4}-\d\d-\d\dT[^"]*"/g, '"time"')
      .replace(/"(seconds|outage_?[sS]|bootId|stoppedAtMs)":(\{[^}]*\}|[^,}]*)/g, '"$1":0'),
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
