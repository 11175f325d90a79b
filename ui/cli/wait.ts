import type { HistoryEntry, Status, UpdateStep, UpdateView } from '../../protocol/control.ts';
import { updateSteps } from '../../protocol/control.ts';
import { asUpdateError, UpdateError } from '../../protocol/errors.ts';
import { type Call, countOf } from './arguments.ts';
import { follow, interruption } from './follow.ts';
import { showProgress } from './progress.ts';
import { exitCodeOf, showVerdict, type Wish } from './verdict.ts';

const reached = (step: UpdateView['step'], mark: UpdateStep): boolean =>
  step === 'stuck' || updateSteps.indexOf(step) >= updateSteps.indexOf(mark);

/**
 * Follows one update until it is known how it ended, over reboots and restarts of the daemon.
 * @returns the exit code of the verdict
 * @throws UpdateError REBOOT_PENDING when interrupted or out of patience from the reboot on, DAEMON_UNREACHABLE
 *   when out of patience before it, INTERNAL when the daemon does not know this update
 */
export async function waitForVerdict(call: Call, id: string, wish: Wish): Promise<number> {
  const { screen, daemon } = call;
  const asked = countOf(call, 'patience', { min: 0, max: 86_400 });
  const interrupted = interruption(call.host);
  const progress = showProgress(screen);
  let step: UpdateView['step'] = 'download';
  let unknown = false;
  try {
    // The trial's own deadline is half an hour by default; after that nothing new is to be expected.
    const patienceS = (): number => asked ?? (reached(step, 'stop') ? 1800 : 120);
    const listen = () => daemon.listen('events', {}, interrupted.signal);
    for await (const news of follow(listen, { met: true, signal: interrupted.signal, patienceS })) {
      if (news.event === 'lost') {
        if (screen.json) screen.document(news);
        else progress.lost(step === 'reboot');
        continue;
      }
      if (news.event === 'status') {
        const status = news.data as Status;
        if (screen.json) screen.document({ event: 'status', ...status });
        if (status.update?.id === id) {
          step = status.update.step;
          progress.show(status.update);
          if (step === 'stuck') return showStuck(call, status.update);
          continue;
        }
        const entry = await entryOf(call, status, id);
        // An undo may go by the name of the update that it undoes, which was confirmed.
        const isOld = wish === 'rollback' && entry?.outcome === 'confirmed';
        if (entry && !isOld) {
          progress.end();
          showVerdict(screen, entry, wish);
          return exitCodeOf(entry, wish);
        }
        if (status.state !== 'idle') continue;
      } else if (!unknown) continue;
      // Once may be a status from just before the update began; twice is not.
      if (unknown) throw new UpdateError('INTERNAL', `The daemon knows nothing of update ${id}.`);
      unknown = true;
    }
  } catch (thrown) {
    const error = asUpdateError(thrown);
    if (error.code === 'DAEMON_UNREACHABLE' && reached(step, 'reboot')) throw pending(step, 'no answer', error);
    throw error;
  } finally {
    progress.end();
  }
  if (reached(step, 'reboot')) throw pending(step, 'interrupted');
  screen.aside('Interrupted. The update goes on without this command; see "opq-updater status --follow".');
  return interrupted.endAsInterrupted();
}

/** How the update ended, when it has: the last one, or further back when others have followed. */
async function entryOf({ daemon }: Call, { last_update }: Status, id: string): Promise<HistoryEntry | undefined> {
  if (last_update?.id === id) return last_update;
  // The line may break in between; then the next connection tells.
  const entries = await daemon.ask('history', { limit: 200 }).catch(() => []);
  return entries.find((entry) => entry.id === id);
}

function showStuck({ screen }: Call, { because }: UpdateView): number {
  const fault = because ?? new UpdateError('RESTORE_FAILED', 'The box could not be put right by itself.');
  screen.fault(fault);
  return 6;
}

const pending = (step: string, why: string, cause?: unknown): UpdateError =>
  new UpdateError(
    'REBOOT_PENDING',
    `Not confirmed yet (${why} in step ${step}); "opq-updater status" tells how it ends.`,
    { cause },
  );
