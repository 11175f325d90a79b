/** Faults put into a recording on purpose: each sync left out, and each two neighbours in the other order. */
import { covers, type Operation, restsOn } from './disk.ts';
import { safeAfter } from './modes.ts';
import { isChange } from './operations.ts';

export interface Seed {
  readonly what: string;
  /** The operations as they are with the fault. */
  readonly ops: readonly Operation[];
  /** For each how many have to be done until it outlives a power cut. */
  readonly safe: number[];
  /** From this number of done operations on the disk may be another than without the fault, */
  readonly from: number;
  /** and after this number it may not any more. */
  readonly until: number;
  /** What outlives a cut later than without the fault. */
  readonly exposes: readonly Operation[];
  /** What is done before a sync that it was done after. */
  readonly early: Operation | undefined;
  /** True when the first of those numbers lies between two that changed places: no moment of the recording is like it. */
  readonly swapped: boolean;
}

export interface Seeds {
  /** Every sync, and every pair of neighbours. */
  readonly changes: number;
  /** Those after which the disk may be one that it could not be before. */
  readonly seeds: readonly Seed[];
}

export function seedsOf(ops: readonly Operation[]): Seeds {
  const safe = safeAfter(ops);
  const lasting = ops.flatMap((op, n) => (op.volatile || (op.kind === 'sync' && op.machine) ? [] : [n]));
  const syncs = lasting.filter((n) => ops[n]!.kind === 'sync');
  const pairs = lasting.slice(1).map((second, m) => [lasting[m]!, second] as const);
  return {
    changes: syncs.length + pairs.length,
    seeds: [
      ...syncs.flatMap((n) => withoutSync(ops, n, safe) ?? []),
      ...pairs.flatMap(([first, second]) => swapped(ops, first, second, safe) ?? []),
    ],
  };
}

/** Undefined when it had nothing to make safe that was not safe already. */
function withoutSync(ops: readonly Operation[], n: number, safe: readonly number[]): Seed | undefined {
  const sync = ops[n] as Operation & { kind: 'sync' };
  const less = safeAfter(ops.map((op, m) => (m === n ? { ...sync, what: nothing } : op)));
  const until = lastDifference(safe, less, ops.length);
  if (until === 0) return undefined;
  const exposes = exposedBy(ops, safe, less);
  return {
    what: `without ${sync.note}`,
    ops,
    safe: less,
    from: n + 1,
    until,
    exposes,
    early: undefined,
    swapped: false,
  };
}

const nothing = -1;

function swapped(ops: readonly Operation[], first: number, second: number, safe: readonly number[]): Seed | undefined {
  const [a, b] = [ops[first]!, ops[second]!];
  if (!isOrdered(a, b, first, safe)) return undefined;
  const other = ops.map((op, n) => (n === first ? b : n === second ? a : op));
  const after = safeAfter(other);
  const before = safe.map((value, n) => safe[n === first ? second : n === second ? first : n] ?? value);
  const until = Math.max(second, lastDifference(before, after, ops.length));
  const exposes = exposedBy(other, before, after);
  const early = isChange(b) ? b : undefined;
  return {
    what: `${b.note} before ${a.note}`,
    ops: other,
    safe: after,
    from: first + 1,
    until,
    exposes,
    early,
    swapped: true,
  };
}

/**
 * Two changes with no sync between them reach the disk in any order, whatever the program does: with the first of them
 * lost the disk is as if they had changed places, and that is one of the points. The same goes for a sync that does
 * not concern the change before it, or that makes nothing safe that was not. Between two syncs nobody is told of the
 * first, and after both it is the same.
 */
function isOrdered(a: Operation, b: Operation, first: number, safe: readonly number[]): boolean {
  if (isChange(a)) return b.kind === 'sync' && restsOn(a).some((ino) => covers(b, a, ino));
  return isChange(b) && safe.includes(first + 1);
}

/** The last number of done operations at which something is safe without the fault and not with it; 0 = none. */
function lastDifference(without: readonly number[], faulty: readonly number[], end: number): number {
  return Math.max(0, ...without.map((after, n) => (faulty[n]! > after ? Math.min(end, faulty[n]! - 1) : 0)));
}

const exposedBy = (ops: readonly Operation[], without: readonly number[], faulty: readonly number[]): Operation[] =>
  ops.filter((_, n) => faulty[n]! > without[n]!);
