/** What a recording tells of the updater at each of its moments: what it had promised, and what it was about to. */
import type { StepName } from '../../daemon/facts.ts';
import { apply, type Disk, find, type Operation, withUnborn } from './disk.ts';
import { isChange } from './operations.ts';

const state = '/var/lib/opq-updater';

/** A journal as it was written. */
export interface Told {
  readonly step: StepName;
  readonly id: string | null;
  readonly text: string;
}

export interface Moment {
  /** What the journal on the disk says, as far as the updater was told so. */
  readonly saved: Told | null;
  /** What it says instead when the save that is under way is on the disk already. */
  readonly saving: Told | null;
  /** Updates of which the journal had told before this moment, oldest first. */
  readonly begun: readonly string[];
  /** Updates of which it may have told. */
  readonly perhaps: readonly string[];
  /** Updates that were over. */
  readonly ended: readonly string[];
  /** Undone by a person: the journal had told of it. */
  readonly undoBegun: 'no' | 'perhaps' | 'yes';
}

/** One moment more than there are operations: after each number of them. */
export function chronicle(base: Disk, ops: readonly Operation[], undo: boolean): Moment[] {
  const first = toldBy(base);
  let moment: Moment = {
    saved: first,
    saving: null,
    begun: idsOf(base),
    perhaps: [],
    ended: first?.step === 'idle' && first.id ? [first.id] : [],
    undoBegun: 'no',
  };
  const moments = [moment];
  let disk = withUnborn(base, ops);
  const folder = () => find(disk, '/var/lib')?.entries.get('opq-updater');
  for (const op of ops) {
    if (isChange(op)) disk = apply(disk, [op]);
    if (op.kind === 'move' && op.folder === folder()) {
      if (op.name === 'journal.json') {
        const saving = toldBy(disk)!;
        moment = { ...moment, saving, perhaps: saving.id ? [saving.id] : [] };
        if (undo && saving.step === 'undo') moment = { ...moment, undoBegun: 'perhaps' };
      }
    }
    if (op.kind === 'sync' && (op.what === null || op.what === folder())) {
      const { saving, begun, ended } = moment;
      if (saving) {
        moment = {
          ...moment,
          saved: saving,
          saving: null,
          perhaps: [],
          begun: saving.id && !begun.includes(saving.id) ? [...begun, saving.id] : begun,
          ended: saving.step === 'idle' && saving.id && !ended.includes(saving.id) ? [...ended, saving.id] : ended,
        };
      }
      if (moment.undoBegun === 'perhaps') moment = { ...moment, undoBegun: 'yes' };
    }
    moments.push(moment);
  }
  return moments;
}

/** What the journal on a disk says; null when there is none or it cannot be read. */
export function toldBy(disk: Disk): Told | null {
  const text = find(disk, `${state}/journal.json`)?.data.toString() ?? '';
  try {
    const { at } = JSON.parse(text);
    return { step: at.step, id: at.update?.id ?? null, text };
  } catch {
    return null; // torn, or not there
  }
}

/** Updates that a disk knows of: those in its history and the one in its journal. */
function idsOf(disk: Disk): string[] {
  const lines = (find(disk, `${state}/history.jsonl`)?.data.toString() ?? '').split('\n').filter(Boolean);
  const ids = lines.map((line) => JSON.parse(line).id as string);
  const told = toldBy(disk)?.id;
  return [...new Set([...ids, ...(told ? [told] : [])])];
}
