/**
 * What the updater and the guard promise of their own writes, whatever a crash would make of it: read off the recording.
 *
 *     whole    what gets its name by a rename is on the disk before
 *     safe     a rename, a line of the history, the end of the mark of an orderly shutdown: on the disk before anything
 *              else is changed ("save, then act")
 */
import { apply, type Change, type Disk, type Operation, restsOn, walk, withUnborn } from './disk.ts';
import { safeAfter } from './modes.ts';
import { isChange } from './operations.ts';

const own = /^(rename|renameat2?) (\/var\/lib\/opq-updater|\/var\/opq\/updater)\//;
/** Taken back by a cut they do no harm: a download that has to be verified again, a package kept as a second way back. */
const loose = / -> .*(\.unverified|\/trial\/opq-box-update-[^/]*)$/;
const gone = / -> .*\.removed$/;
const told = /^\S+ \/var\/lib\/opq-updater\/history\.jsonl$|^unlinkat? \/var\/lib\/opq-updater\/orderly-shutdown$/;
/** Written by the sign of life, beside all else. */
const beside = /\/trial\/boots(\.\w+)?(\.new)?( |$)/;

const isRename = ({ kind, note }: Operation) => kind === 'move' && own.test(note) && !loose.test(note);

/** What each rename gives a name to: the inode and all that is in it. */
export type Named = ReadonlyMap<Operation, ReadonlySet<number>>;

export function namedBy(base: Disk, ops: readonly Operation[]): Named {
  const named = new Map<Operation, ReadonlySet<number>>();
  let disk = withUnborn(base, ops);
  for (const op of ops) {
    if (!isChange(op)) continue;
    if (op.kind === 'move' && isRename(op) && !gone.test(op.note)) {
      named.set(op, new Set([op.ino, ...[...walk(disk, op.ino)].map(([, , ino]) => ino)]));
    }
    disk = apply(disk, [op]);
  }
  return named;
}

/** The first promise that is not kept, or undefined. @param safe for each operation how many are done until it is safe */
export function brokenPromise(ops: readonly Operation[], named: Named, safe = safeAfter(ops)): string | undefined {
  for (const [n, op] of ops.entries()) {
    if (!isChange(op) || op.volatile) continue;
    const inside = named.get(op);
    const torn = inside && ops.findIndex((one, m) => m < n && safe[m]! > n && isChange(one) && fills(one, inside));
    if (torn !== undefined && torn !== -1) return `${op.note}, but ${ops[torn]!.note} is not on the disk`;
    if (!isRename(op) && !told.test(op.note)) continue;
    const next = ops.findIndex((one, m) => m > n && isChange(one) && !one.volatile && follows(one, op));
    if (safe[n]! > (next === -1 ? ops.length : next)) {
      return `${next === -1 ? 'the end' : ops[next]!.note}, but ${op.note} is not on the disk`;
    }
  }
  return undefined;
}

/** True for what puts bytes or names into one of these. */
const fills = (op: Change, inside: ReadonlySet<number>): boolean =>
  op.kind !== 'meta' && restsOn(op).some((ino) => inside.has(ino));

/** True for another thing that is done; the sign of life goes its own way. */
function follows(next: Change, op: Change): boolean {
  if ('ino' in next && 'ino' in op && next.ino === op.ino) return false;
  if (beside.test(op.note)) return restsOn(next).some((ino) => restsOn(op).includes(ino));
  return !beside.test(next.note);
}
