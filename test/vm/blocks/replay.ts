import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { differences } from '../tree.ts';
import { openRebuilding, rawCopy } from './disk.ts';
import { type Followed, follow, type Surroundings } from './follow.ts';
import type { Entry } from './log.ts';
import { withMounted } from './mounted.ts';
import type { Point } from './points.ts';
import type { Recording } from './recording.ts';
import { judge, type Wholes } from './verdict.ts';

/** One rebuilt disk, and what became of the box on it. */
export interface Replayed {
  readonly point: Point;
  /** What was found on it, before anything ran: the step in the journal, and which release, `half` for neither. */
  readonly step: string;
  readonly release: 'old' | 'new' | 'half';
  readonly onTrial: boolean;
  readonly restoring: boolean;
  /** At rest: the release, and how the last update ended. */
  readonly ended: string;
  readonly version: string;
  readonly wrong: readonly string[];
}

/** What all disks have in common. */
export interface Plan {
  /** The disk before the first entry of the log. */
  readonly base: string;
  readonly entries: readonly Entry[];
  readonly recording: Recording;
  readonly wholes: Wholes;
  readonly surroundings: Surroundings;
  /** Takes two disks; in memory where there is room. */
  readonly disks: string;
  readonly mountPoint: string;
  /** Takes results, and the log of each box that was lost. */
  readonly folder: string;
  say(text: string): void;
}

/** Rebuilds the disk as of each point, in their order, and follows the box on it. */
export async function replay(plan: Plan, points: readonly Point[]): Promise<Replayed[]> {
  const { base, entries, recording, disks, folder, say } = plan;
  const rebuilding = openRebuilding(await rawCopy(base, disks), recording.log, entries);
  const results = join(folder, 'results.jsonl');
  writeFileSync(results, '');
  const all: Replayed[] = [];
  try {
    for (const point of points) {
      const one = await replayOne(plan, point, await rebuilding.rebuild(point));
      all.push(one);
      appendFileSync(results, `${JSON.stringify(one)}\n`);
      const lost = one.wrong.length > 0 ? `LOST: ${one.wrong.join('; ')}` : `whole ${one.version}, ${one.ended}`;
      const had = `${point.what} of ${point.before} writes`;
      say(`disk ${point.n} of ${points.length}, ${had}, ${one.step} ${one.release}: ${lost}`);
    }
  } finally {
    await rebuilding.close();
  }
  return all;
}

async function replayOne(plan: Plan, point: Point, disk: string): Promise<Replayed> {
  const { mountPoint, surroundings, entries, recording, wholes, folder } = plan;
  const log: string[] = [];
  try {
    const followed = await withMounted(disk, mountPoint, () => follow(mountPoint, surroundings, log));
    const wrong = judge(followed, entries[point.before - 1]!.endsAt, recording, wholes);
    if (wrong.length > 0) writeFileSync(join(folder, `lost-${point.n}.log`), `${log.join('\n')}\n`);
    return { point, ...seenIn(followed, wholes), wrong };
  } catch (error) {
    writeFileSync(join(folder, `lost-${point.n}.log`), `${log.join('\n')}\n${(error as Error).stack}\n`);
    const unknown = { step: point.step, release: 'half', onTrial: false, restoring: false } as const;
    return { point, ...unknown, ended: 'not known', version: '', wrong: [(error as Error).message] };
  }
}

function seenIn({ found, rest }: Followed, [old, ...others]: Wholes): Omit<Replayed, 'point' | 'wrong'> {
  const is = (whole: Wholes[number]) => differences(found.tree, whole.tree).length === 0;
  const [last] = rest.history.slice(-1);
  return {
    step: found.journal?.step ?? 'none',
    release: is(old!) ? 'old' : others.some(is) ? 'new' : 'half',
    onTrial: found.onTrial,
    restoring: found.leftovers.length > 0,
    ended: last ? `${last.outcome} ${last.because?.code ?? ''}`.trim() : 'no update',
    version: rest.version,
  };
}
