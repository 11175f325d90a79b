/**
 * What the updater and the guard promise of their own writes, whatever a crash would make of it: read off the recording.
 *
 *     whole    what gets its name by a rename is on the disk before; so is what restore.sh puts back
 *     safe     a rename, a line of the history, a folder of its own, the end of the mark of an orderly shutdown: on the
 *              disk before anything else is changed ("save, then act")
 *     done     what was made in a step is on the disk before the next position is saved
 *     all      a mark of the guard stands over nothing that is not on the disk: that its undo is done, which nobody does
 *              again, and that the box went down in order
 */
import { apply, type Change, type Disk, type Operation, restsOn, walk, withUnborn } from './disk.ts';
import { safeAfter } from './modes.ts';
import { isChange } from './operations.ts';

const own = /^(rename|renameat2?) (\/var\/lib\/opq-updater|\/var\/opq\/updater)\//;
/** Taken back by a cut it does no harm: a download that has to be verified again. */
const loose = / -> .*\.unverified$/;
/** What restore.sh puts in the place of a folder. */
const back = /^renameat2? \S*\/\.opq-restore-[^ /]*\.new\/\S* -> /;
const gone = / -> .*\.removed$/;
const told = new RegExp(
  [
    '\\S+ /var/lib/opq-updater/history\\.jsonl',
    'unlinkat? /var/lib/opq-updater/orderly-shutdown',
    'mkdir /var/opq(/updater)?',
  ]
    .map((line) => `^${line}$`)
    .join('|'),
);
const position = / -> \/var\/lib\/opq-updater\/journal\.json$/;
const mark = / -> \/var\/lib\/opq-updater\/(trial\/guard|orderly-shutdown)$/;
/** Not needed once a position is saved: what is unpacked while it is judged, what a download goes on by, a name until the rename. */
const passing = /\/var\/opq\/updater\/[^/ ]*(\.staged(\/.*)?|\.etag)$|\.new$/;
/** Written by the sign of life, beside all else. */
const beside = /\/trial\/boots(\.\w+)?(\.new)?( |$)/;

const isRename = ({ kind, note }: Operation) => kind === 'move' && own.test(note) && !loose.test(note);

interface Naming {
  /** The inode and all that is in it. */
  readonly inside: ReadonlySet<number>;
  /** True for a position that builds on what was done before it; the way back does not. */
  readonly onward: boolean;
  /** True where the modes count, too: in what restore.sh puts back. */
  readonly modes: boolean;
}
/** What each rename gives a name to. */
export type Named = ReadonlyMap<Operation, Naming>;

export function namedBy(base: Disk, ops: readonly Operation[]): Named {
  const named = new Map<Operation, Naming>();
  let disk = withUnborn(base, ops);
  for (const op of ops) {
    if (!isChange(op)) continue;
    const modes = back.test(op.note);
    if (op.kind === 'move' && (modes || (isRename(op) && !gone.test(op.note)))) {
      const inside = new Set([op.ino, ...[...walk(disk, op.ino)].map(([, , ino]) => ino)]);
      const step = position.test(op.note) ? JSON.parse(disk.get(op.ino)!.data.toString()).at.step : 'rollback';
      named.set(op, { inside, onward: !['rollback', 'stuck'].includes(step), modes });
    }
    disk = apply(disk, [op]);
  }
  return named;
}

/** The first promise that is not kept, or undefined. @param safe for each operation how many are done until it is safe */
export function brokenPromise(ops: readonly Operation[], named: Named, safe = safeAfter(ops)): string | undefined {
  for (const [n, op] of ops.entries()) {
    if (!isChange(op) || op.volatile) continue;
    const { inside, onward = false, modes = false } = named.get(op) ?? {};
    const torn =
      inside && ops.findIndex((one, m) => m < n && safe[m]! > n && isChange(one) && fills(one, inside, modes));
    if (torn !== undefined && torn !== -1) return `${op.note}, but ${ops[torn]!.note} is not on the disk`;
    const relied = mark.test(op.note) ? isLasting : onward ? isMade : undefined;
    if (relied) {
      const left = ops.find((one, m) => m < n && safe[m]! > n && relied(one));
      if (left) return `${op.note}, but ${left.note} is not on the disk`;
    }
    if (!isRename(op) && !told.test(op.note)) continue;
    const next = ops.findIndex((one, m) => m > n && isChange(one) && !one.volatile && follows(one, op));
    if (safe[n]! > (next === -1 ? ops.length : next)) {
      return `${next === -1 ? 'the end' : ops[next]!.note}, but ${op.note} is not on the disk`;
    }
  }
  return undefined;
}

/** True for what puts bytes or names into one of these. */
const fills = (op: Change, inside: ReadonlySet<number>, modes: boolean): boolean =>
  (modes || op.kind !== 'meta') && restsOn(op).some((ino) => inside.has(ino));

/** True for what makes something that a later step relies on; what is only removed is removed again. */
const isMade = (op: Operation): boolean =>
  (op.kind === 'enter' || op.kind === 'write') && !op.volatile && !passing.test(op.note) && !beside.test(op.note);

/** True for all that changes the disk, removals and modes too. */
const isLasting = (op: Operation): boolean => isChange(op) && !op.volatile && !passing.test(op.note);

/** True for another thing that is done; the sign of life goes its own way. */
function follows(next: Change, op: Change): boolean {
  if ('ino' in next && 'ino' in op && next.ino === op.ino) return false;
  if (beside.test(op.note)) return restsOn(next).some((ino) => restsOn(op).includes(ino));
  return !beside.test(next.note);
}
