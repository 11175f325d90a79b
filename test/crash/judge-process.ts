/** A process that takes one disk after the other, boots a box from it and tells what came of it. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { workerHere } from '../../daemon/work/worker.ts';
import { type Action, type Machine, toRest } from './boots.ts';
import type { Disk } from './disk.ts';
import { readDisk, writeDisk } from './folder.ts';
import { openKnown } from './known.ts';
import { isJson, likeness } from './likeness.ts';
import type { End } from './modes.ts';
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
  /** Of boxes on their way, by what they were like at the beginning of a step; and of those that took the next update. */
  const ways = openKnown(folder, name);
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
      quick: known,
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
      ways.put(passed, report);
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
    const rest = `rest ${likeness(moved(readDisk(root), root, recordedIn(folder)))}`;
    if (ways.get(rest)) return null;
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
    ways.put([rest], { ...after, error: null, next: null, log: [] });
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

/** Somebody may still be writing there: then it goes with the folder that all of them are in. */
function forget(root: string): void {
  try {
    rmSync(root, { recursive: true, force: true });
  } catch {
    // not empty any more
  }
}

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
