import type { HistoryEntry, Progress, StepView, UpdateStep, UpdateView } from '../protocol/control.ts';
import { updateSteps } from '../protocol/control.ts';
import { asUpdateError, UpdateError } from '../protocol/errors.ts';
import { follow, type Rest } from './engine.ts';
import type { Because, Update } from './facts.ts';
import { exists, renameSafely } from './files.ts';
import { explain, recordEnd } from './history.ts';
import type { At } from './machine.ts';
import { idleAt, undoTrial, whereWeWere } from './resume.ts';
import type { Tools } from './tools.ts';

/** Steps in which nothing has been changed yet, so that a person may still cancel. */
const cancellable: readonly string[] = ['download', 'verify', 'unpack', 'snapshot'];

export interface Updates {
  /** Takes up what was under way when the daemon ended; resolves when that is known, not when it is done. */
  start(): Promise<void>;
  /** @throws UpdateError BUSY */
  begin(update: Update): void;
  /** @throws UpdateError BUSY when it is too late */
  cancel(): boolean;
  /** Puts the earlier release back: the one on trial's, or the one before the confirmed. @throws UpdateError NOTHING_TO_UNDO, BUSY */
  undo(): Promise<string>;
  readonly at: At;
  readonly resting: boolean;
  view(): UpdateView | null;
  /** Resolves when the daemon rests. */
  rest(): Promise<void>;
}

export interface UpdatesHooks {
  changed(): void;
  ended(entry: HistoryEntry): void;
}

/** One update at a time: begins it, follows it to its end, writes its history. */
export function openUpdates(base: Omit<Tools, 'show' | 'cancelled' | 'undoAsked'>, hooks: UpdatesHooks): Updates {
  const { clock, log, places } = base;
  let at: At = idleAt;
  let running: Promise<void> | undefined;
  let progress: Progress | null = null;
  let abort = new AbortController();
  let undoAsked = false;
  let stepBegan = 0;

  const tools = (): Tools => ({
    ...base,
    cancelled: abort.signal,
    undoAsked: () => undoAsked,
    show(next) {
      progress = next;
      hooks.changed();
    },
  });

  function run(start: At, tries = 0): void {
    abort = new AbortController();
    undoAsked = false;
    at = start;
    const arrived = (next: At, n: number) => {
      at = next;
      progress = null;
      stepBegan = clock.monotonic();
      if ('update' in next && next.update)
        log.info(next.step, { update: next.update.id, to: next.update.to, try: n > 1 ? n : undefined });
      hooks.changed();
    };
    running = follow(start, tools(), { tries, arrived })
      .then(finish)
      .catch((error) => {
        // The journal itself could not be written: nothing may act, and the next start tries again.
        log.error('the updater cannot go on', asUpdateError(error));
      })
      .finally(() => {
        running = undefined;
        base.worker.close();
        hooks.changed();
      });
  }

  async function finish(rest: Rest): Promise<void> {
    if (rest.step === 'stuck') {
      log.error('stuck', new UpdateError(rest.stuckBecause.code, rest.stuckBecause.message));
      return;
    }
    const entry = await recordEnd(places, rest, new Date(clock.now()).toISOString());
    if (entry) hooks.ended(entry);
    // Left by an update that began while the box was stuck and never got to its own snapshot.
    if (await exists(places.trial)) {
      const because: Because = { code: 'RESTORE_FAILED', message: 'The box was still on trial.', step: 'rollback' };
      at = (await follow(await undoTrial(tools(), places.trial, because), tools())) as At;
    }
  }

  return {
    async start() {
      const found = await whereWeWere(tools());
      at = found.at;
      if (found.afterCut) log.warn('power was lost in the middle of an update', { step: found.at.step });
      if (at.step === 'stuck') return;
      if (at.step === 'idle' && !(await exists(places.trial))) return finish(at);
      if (at.step === 'idle') await finish(at);
      else run(at, found.tries);
    },
    begin(update) {
      if (running) throw busy(at);
      run({ step: 'download', update });
    },
    cancel() {
      if (!running) return false;
      if (!cancellable.includes(at.step))
        throw new UpdateError('BUSY', `The update cannot be cancelled in the step "${at.step}".`);
      abort.abort();
      return true;
    },
    async undo() {
      const because: Because = { code: 'ROLLED_BACK', message: 'A person had it put back.', step: 'rollback' };
      if (running && at.step === 'confirm') {
        undoAsked = true;
        return at.update.id;
      }
      if (running) throw busy(at);
      if (at.step === 'stuck') {
        const { stuckBecause: _, ...facts } = at;
        run({ ...facts, step: 'rollback' });
        return facts.update.id;
      }
      const start = await undoTrial(tools(), places.previous, because);
      await renameSafely(places.previous, places.trial);
      run(start);
      return start.update.id;
    },
    get at() {
      return at;
    },
    get resting() {
      return running === undefined;
    },
    view: () => viewOf(at, progress, running ? (clock.monotonic() - stepBegan) / 1000 : 0),
    rest: async () => running,
  };
}

const busy = (at: At) => new UpdateError('BUSY', `An update is under way, in the step "${at.step}".`);

function viewOf(at: At, progress: Progress | null, stepS: number): UpdateView | null {
  if (at.step === 'idle') return null;
  const { id, from, to, by, seconds } = at.update;
  const because = 'because' in at ? at.because : null;
  const now = at.step === 'stuck' ? at.stuckBecause.step : at.step;
  const state = (name: UpdateStep): StepView['state'] => {
    if (name === now) return at.step === 'stuck' ? 'failed' : 'now';
    if (name === because?.step) return 'failed';
    return seconds[name] === undefined ? 'to do' : 'done';
  };
  // The two steps of an undo are shown only when there is one.
  const shown = updateSteps.filter((name) => because !== null || (name !== 'rollback' && name !== 'restored'));
  return {
    id,
    from,
    to,
    by,
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
