/** What a disk may be after a power cut: the states that a file system may leave, one by one. */
import { updaterMark } from './boots.ts';
import { rebootMark } from './box.ts';
import { apply, type Change, covers, type Disk, find, type Operation, restsOn, withUnborn } from './disk.ts';
import { likeness } from './likeness.ts';
import { isChange } from './operations.ts';

/** How the box came to its end. */
export type End =
  /** The power went: memory is gone, and perhaps what was not synced. */
  | 'cut'
  /** The updater alone ended: all that was written is there, and the boot goes on. */
  | 'died';

export interface Point {
  /** Operations that had been done. */
  readonly done: number;
  readonly mode: string;
  readonly end: End;
  readonly disk: Disk;
  /** The same for two points of which one need not be tried. */
  readonly digest: string;
}

/** A recording as far as its disks go. */
export interface Tape {
  readonly base: Disk;
  readonly ops: readonly Operation[];
}

/** For each operation how many have to be done until it outlives a power cut. */
export function safeAfter(ops: readonly Operation[]): number[] {
  return ops.map((op, n) => {
    // What is in memory is nothing to make safe.
    if (!isChange(op) || op.volatile) return 0;
    const each = restsOn(op).map((ino) => {
      const sync = ops.findIndex((later, m) => m > n && !isChange(later) && covers(later, op, ino));
      return sync === -1 ? Number.POSITIVE_INFINITY : sync + 1;
    });
    return Math.max(...each);
  });
}

/** Every disk that may be left when `done` operations had been done. */
export function* pointsAt({ base, ops }: Tape, done: number, safe = safeAfter(ops)): Generator<Point> {
  const start = withUnborn(base, ops);
  const changes = ops.slice(0, done).flatMap((op, n) => (isChange(op) ? [{ op, n }] : []));
  const lasting = changes.filter(({ op }) => !op.volatile);
  const open = lasting.filter(({ n }) => safe[n]! > done);
  const point = (mode: string, kept: Iterable<Change>, end: End = 'cut'): Point => {
    const disk = apply(start, kept);
    return { done, mode, end, disk, digest: `${end} ${likeness(disk)}` };
  };
  const but = (left: (n: number) => boolean) => lasting.filter(({ n }) => !left(n)).map(({ op }) => op);

  const died = point(
    'the updater died',
    changes.map(({ op }) => op),
    'died',
  );
  // One that is about to end with its box anyway is no point of its own.
  if (find(died.disk, updaterMark) && !find(died.disk, rebootMark)) yield died;
  yield point(
    'all of it on the disk',
    but(() => false),
  );
  if (open.length === 0) return;
  yield point(
    'nothing that was not synced',
    but((n) => safe[n]! > done),
  );
  const last = lasting.at(-1)!;
  if (last.op.kind === 'write' && last.n === done - 1 && safe[last.n]! > done) {
    const { bytes } = last.op;
    const half = bytes.length >> 1;
    const before = but((n) => n === last.n);
    yield point('the last write torn', [...before, { ...last.op, bytes: bytes.subarray(0, half) }]);
    const hole = Buffer.concat([bytes.subarray(0, half), Buffer.alloc(bytes.length - half)]);
    yield point('the last write torn, with a hole', [...before, { ...last.op, bytes: hole }]);
  }
  for (const { n, op } of open) {
    yield point(
      `of what was not synced only ${op.note}`,
      but((m) => safe[m]! > done && m !== n),
    );
    yield point(
      `all but ${op.note}`,
      but((m) => m === n),
    );
  }
}
