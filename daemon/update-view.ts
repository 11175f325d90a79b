import { type Progress, type StepView, type UpdateStep, type UpdateView, updateSteps } from '../protocol/views.ts';
import { explain } from './history.ts';
import type { At } from './machine.ts';

/** Steps in which nothing has been changed yet, so that a person may still cancel. */
export const cancellable: readonly string[] = ['download', 'verify', 'unpack', 'snapshot'];

/** The steps of the way back; `undo` only of one that a person asked for after the confirmation. */
const undoSteps: readonly UpdateStep[] = ['undo', 'rollback', 'restored'];

/**
 * An update as people see it; null while there is none.
 * @param stepS seconds since the present step began
 */
export function viewOf(at: At, progress: Progress | null, stepS: number): UpdateView | null {
  if (at.step === 'idle') return null;
  const { id, from, to, by, seconds, startedAt, signedBy } = at.update;
  const because = 'because' in at ? at.because : null;
  const now = at.step === 'stuck' ? at.stuckBecause.step : at.step;
  const state = (name: UpdateStep): StepView['state'] => {
    if (name === now) return at.step === 'stuck' ? 'failed' : 'now';
    // That a person asked for the undo is no failure.
    if (name === because?.step && because.code !== 'ROLLED_BACK') return 'failed';
    return seconds[name] === undefined ? 'to do' : 'done';
  };
  // On the way back the steps ahead come no more, and those of the way back are shown only on it.
  const shown = updateSteps.filter((name) => {
    if (name === now || name === because?.step || seconds[name] !== undefined) return true;
    return undoSteps.includes(name) ? because !== null && name !== 'undo' : because === null;
  });
  return {
    id,
    from,
    to,
    by,
    started_at: startedAt,
    signed_by: signedBy,
    step: at.step,
    steps: shown.map((name) => ({
      name,
      state: state(name),
      seconds: name === now ? Math.round(((seconds[name] ?? 0) + stepS) * 10) / 10 : (seconds[name] ?? null),
    })),
    progress,
    because: because && explain(because),
    cancellable: cancellable.includes(at.step),
  };
}
