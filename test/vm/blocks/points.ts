import { createHash } from 'node:crypto';
import type { UpdateStep } from '../../../protocol/views.ts';
import type { Entry } from './log.ts';
import type { Mark } from './recording.ts';

/** A moment at which the power fails, and what the disk had by then. */
export interface Point {
  readonly n: number;
  /** So many entries of the log were done. */
  readonly before: number;
  /**
   * `flushed`: what was flushed, nothing else. `all`: what was not flushed too. `some`: of that any part, blocks torn
   * or whole, as an SD card may keep it.
   */
  readonly what: 'flushed' | 'all' | 'some';
  /** The step in which it lies, by what the updater said. */
  readonly step: string;
  /** From 0 to 1; the same series for the same point. */
  random(): number;
}

/** Of 100 points; more where an update is in danger. */
const shares: Readonly<Record<UpdateStep, number>> = {
  download: 4,
  verify: 3,
  unpack: 4,
  snapshot: 8,
  stop: 14,
  install: 22,
  reboot: 9,
  confirm: 8,
  undo: 0,
  rollback: 18,
  restored: 10,
};
const kinds = ['flushed', 'all', 'some'] as const;

/** Chooses by a seed: the same of the same recording in every run. In the order of the log. */
export function choosePoints(entries: readonly Entry[], marks: readonly Mark[], count: number, seed: string): Point[] {
  const windows = windowsOf(entries, marks);
  const random = seriesOf(seed);
  const chosen = new Map<string, Omit<Point, 'n' | 'random'>>();
  const wanted = Object.entries(shares).flatMap(([step, share]) =>
    Array.from({ length: Math.round((share * count) / 100) }, () => step),
  );
  /** One more in some of the windows; false when there is hardly any left. */
  const add = (own: readonly Window[], turn: number): boolean => {
    for (let tries = 0; own.length > 0 && tries < 200; tries++) {
      const { from, to, step } = own[(turn + tries) % own.length]!;
      const at = from + Math.floor(random() * (to - from + 1));
      const what = kinds[Math.floor(random() * kinds.length)]!;
      const before = what === 'flushed' ? lastFlush(entries, at) : at;
      // Without a write since the flush all three are the same disk.
      const bare = what !== 'flushed' && lastFlush(entries, at) === at;
      if (bare || before < from || chosen.has(`${before} ${what}`)) continue;
      chosen.set(`${before} ${what}`, { before, what, step });
      return true;
    }
    return false;
  };
  for (const [turn, step] of wanted.entries())
    add(
      windows.filter((window) => window.step === step),
      turn,
    );
  // A step may be too short for its share.
  while (chosen.size < count) if (!add(windows, chosen.size)) break;
  const inOrder = [...chosen.values()].sort((a, b) => a.before - b.before);
  return inOrder.map((point, i) => ({ ...point, n: i + 1, random: seriesOf(`${seed} ${point.before}`) }));
}

interface Window {
  readonly step: string;
  /** Numbers of done entries. */
  readonly from: number;
  readonly to: number;
}

/** From each step's beginning to the next one's; of an update's end, what was written within the step. */
function windowsOf(entries: readonly Entry[], marks: readonly Mark[]): Window[] {
  const doneAt = (bytes: number) => entries.filter(({ endsAt }) => endsAt <= bytes).length;
  return marks.slice(0, -1).flatMap(({ word, atBytes }, n) => {
    const [from, to] = [doneAt(atBytes), doneAt(marks[n + 1]!.atBytes)];
    return word === 'ended' || from === to ? [] : [{ step: word, from, to }];
  });
}

/** The number of entries up to the last flush before one, itself included; 0 = there was none. */
export function lastFlush(entries: readonly Entry[], before: number): number {
  let n = before;
  while (n > 0 && entries[n - 1]!.kind !== 'flush') n--;
  return n;
}

export function seriesOf(seed: string): () => number {
  let count = 0;
  return () => createHash('sha256').update(`${seed} ${count++}`).digest().readUInt32BE(0) / 2 ** 32;
}
