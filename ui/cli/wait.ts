import { asUpdateError, UpdateError } from '../../protocol/errors.ts';
import { type HistoryEntry, type Status, type UpdateStep, type UpdateView, updateSteps } from '../../protocol/views.ts';
import { type Call, countOf } from './arguments.ts';
import { follow, interruption, type Lost } from './follow.ts';
import { showProgress } from './progress.ts';
import type { DaemonEvent } from './sse.ts';
import { exitCodeOf, showVerdict, type Wish } from './verdict.ts';

/** A line that is lost in one of these was most likely lost to the reboot that follows it. */
const rebootsSoon: readonly string[] = ['install', 'reboot', 'confirm', 'rollback', 'restored'];

/** Between the end of an update and its line in the history the daemon may seem to know nothing of it. */
const unknownMs = 5000;

/**
 * Follows one update until it is known how it ended, over reboots and restarts of the daemon.
 * @returns the exit code of the verdict
 * @throws UpdateError REBOOT_PENDING when interrupted or out of patience from the reboot on, DAEMON_UNREACHABLE
 *   when out of patience before it, INTERNAL when the daemon does not know this update
 */
export async function waitForVerdict(call: Call, id: string, wish: Wish): Promise<number> {
  const asked = countOf(call, 'patience', { min: 0, max: 86_400 });
  const { signal, endAsInterrupted } = interruption(call.host);
  const watch = watchUpdate(call, id, wish);
  try {
    // The trial's own deadline is half an hour by default; after that nothing new is to be expected.
    const patienceS = (): number => asked ?? (watch.reached('stop') ? 1800 : 120);
    const listen = () => call.daemon.listen('events', {}, signal);
    for await (const news of follow(listen, { met: true, signal, patienceS })) {
      const exitCode = await watch.see(news);
      if (exitCode !== undefined) return exitCode;
    }
  } catch (thrown) {
    const error = asUpdateError(thrown);
    if (error.code === 'DAEMON_UNREACHABLE' && watch.reached('reboot')) throw pending('the box does not answer', error);
    throw error;
  } finally {
    watch.end();
  }
  if (watch.reached('reboot')) throw pending('interrupted');
  call.screen.aside('Interrupted. The update goes on without this command; see "opq-updater status --follow".');
  return endAsInterrupted();
}

/** Shows what comes, and knows how far the update got. */
function watchUpdate({ screen, daemon }: Call, id: string, wish: Wish) {
  const progress = showProgress(screen);
  let step: UpdateView['step'] = 'download';
  let unknownSinceMs: number | undefined;

  function seeStep(update: UpdateView): number | undefined {
    step = update.step;
    unknownSinceMs = undefined;
    progress.show(update);
    if (step !== 'stuck') return undefined;
    screen.fault(update.because ?? new UpdateError('RESTORE_FAILED', 'The box could not be put right by itself.'));
    return 6;
  }

  /** How it ended, when it has: the last one, or further back when others have followed. */
  async function entryFrom({ last_update }: Status): Promise<HistoryEntry | undefined> {
    // The line may break in between; then the next connection tells.
    const older = last_update?.id === id ? [] : await daemon.ask('history', { limit: 200 }).catch(() => []);
    const entry = last_update?.id === id ? last_update : older.find((past) => past.id === id);
    // An undo goes by the name of the update that it undoes, which was confirmed.
    return wish === 'rollback' && entry?.outcome === 'confirmed' ? undefined : entry;
  }

  return {
    reached: (mark: UpdateStep): boolean => step === 'stuck' || updateSteps.indexOf(step) >= updateSteps.indexOf(mark),
    end: progress.end,

    /** @returns the exit code when this is the end */
    async see(news: DaemonEvent | Lost): Promise<number | undefined> {
      if (news.event === 'lost') {
        if (screen.json) screen.document(news);
        else progress.lost(rebootsSoon.includes(step));
        return undefined;
      }
      if (news.event === 'status') {
        const status = news.data as Status;
        if (screen.json) screen.document({ event: 'status', ...status });
        if (status.update?.id === id) return seeStep(status.update);
        const entry = await entryFrom(status);
        if (entry) {
          progress.end();
          showVerdict(screen, entry, wish);
          return exitCodeOf(entry, wish);
        }
        unknownSinceMs = status.state === 'idle' ? (unknownSinceMs ?? performance.now()) : undefined;
      }
      if (unknownSinceMs !== undefined && performance.now() - unknownSinceMs > unknownMs) {
        throw new UpdateError('INTERNAL', `The daemon knows nothing of update ${id}.`);
      }
      return undefined;
    },
  };
}

const pending = (why: string, cause?: unknown): UpdateError =>
  new UpdateError('REBOOT_PENDING', `Not confirmed yet (${why}); "opq-updater status" tells how it ends.`, { cause });
