import { asUpdateError, UpdateError } from '../protocol/errors.ts';
import type { HistoryEntry, Progress, UndoView, UpdateView } from '../protocol/views.ts';
import { openBlackBox } from './black-box.ts';
import { clearUp } from './clear-up.ts';
import { follow, type Rest } from './engine.ts';
import type { Because, Update } from './facts.ts';
import { exists, remove, writeFileSafely } from './files.ts';
import { recordRest } from './history.ts';
import { readStuck, saveJournal } from './journal.ts';
import type { At } from './machine.ts';
import { idleAt, undoTrial, whereWeWere } from './resume.ts';
import { rebootBecause } from './steps/reboot.ts';
import { undoMark } from './steps/undo.ts';
import { leaveStuck, noteStuck } from './stuck-note.ts';
import { anotherBootMayHelp, bringStuckBack, isOnTrial, stuckMark } from './stuck-trial.ts';
import type { Resident, Tools } from './tools.ts';
import { beginUndo, viewUndo, viewUndoOfTrial } from './undo-previous.ts';
import { cancellable, viewOf } from './update-view.ts';

/** A full or failing disk may be better in a minute; then in two, for a try stops and starts the services. */
const tryAgainMs = 60_000;
const longestMs = 3600_000;
const stuckRebootMs = 60_000;
/** A disk that takes no writes for so many tries may in another boot; so seldom that the box is of some use meanwhile. */
const mostInVain = 6;
const leastUptimeS = 3600;

export interface Updates {
  /** Takes up what was under way when the daemon ended; resolves when that is known, not when it is done. */
  start(): Promise<void>;
  /** Resolves once the journal holds it: no cut takes back what was answered. @throws UpdateError BUSY, DISK_FULL, DISK_FAILED */
  begin(update: Update): Promise<void>;
  /** @throws UpdateError BUSY when it is too late */
  cancel(): boolean;
  /** Puts the earlier release back: the one on trial's, or the one before the confirmed. @throws UpdateError NOTHING_TO_UNDO, BUSY */
  undo(): Promise<string>;
  /** What `undo` would do now. @throws UpdateError NOTHING_TO_UNDO, BUSY */
  lookAtUndo(): Promise<UndoView>;
  readonly at: At;
  readonly resting: boolean;
  view(): UpdateView | null;
  /** Ends what runs beside this process; where it was is in the journal. */
  stop(): void;
}

export interface UpdatesHooks {
  changed(): void;
  ended(entry: HistoryEntry): void;
  heldBack: Tools['heldBack'];
}

/** One update at a time: begins it, follows it to its end, writes its history. */
export function openUpdates(base: Resident, hooks: UpdatesHooks): Updates {
  const { clock, log, places } = base;
  let at: At = idleAt;
  let running: Promise<void> | undefined;
  let progress: Progress | null = null;
  let abort = new AbortController();
  let worker = base.newWorker();
  let undoAsked = false;
  let stepBegan = 0;
  let inVain = 0;
  let before: At = idleAt;
  const blackBox = openBlackBox(base);

  const tools = (): Tools => ({
    ...base,
    worker,
    cancelled: abort.signal,
    undoAsked: () => undoAsked,
    heldBack: hooks.heldBack,
    show(next) {
      progress = next;
      hooks.changed();
    },
  });

  /** @returns when the journal holds where it begins, or that it cannot */
  function run(start: At, tries = 0): Promise<void> {
    abort = new AbortController();
    worker = base.newWorker();
    undoAsked = false;
    before = at;
    at = start;
    return new Promise((begun, failed) => {
      running = (start.step === 'download' ? leaveStuck(before, base) : Promise.resolve())
        .then(() => travel(start, tries, begun))
        .catch((error) => {
          failed(asUpdateError(error));
          return cannotGoOn(error);
        })
        .finally(() => {
          running = undefined;
          worker.close();
          blackBox.rests();
          hooks.changed();
        });
    });
  }

  /** The journal itself could not be written, so nothing may act. What changed nothing is over, the rest waits. */
  async function cannotGoOn(thrown: unknown): Promise<void> {
    log.error('the updater cannot go on', asUpdateError(thrown));
    if (cancellable.includes(at.step)) {
      at = before.step === 'stuck' ? before : idleAt;
      return;
    }
    if (++inVain >= mostInVain && clock.uptimeS() >= leastUptimeS) await rebootBecause('nothing can be written', base);
    const waitMs = Math.min(tryAgainMs * 2 ** (inVain - 1), longestMs);
    setTimeout(() => void updates.start().catch(cannotGoOn), waitMs).unref();
  }

  /** To a rest, and on from there as long as something is left to put back. */
  async function travel(start: At, tries: number, begun: () => void): Promise<void> {
    let next: At | undefined = start;
    const arrivedAt = (at: At, n: number) => {
      begun();
      arrived(at, n);
    };
    for (let n = tries; next; n = 0) next = await finish(await follow(next, tools(), { tries: n, arrived: arrivedAt }));
  }

  function arrived(next: At, tries: number): void {
    // A rest is shown once its history is written.
    if (next.step === 'idle') return;
    at = next;
    progress = null;
    stepBegan = clock.monotonic();
    blackBox.begins(next);
    log.info(next.step, { update: next.update.id, to: next.update.to, try: tries > 1 ? tries : undefined });
    hooks.changed();
  }

  /** @returns where to go on, when this is not the end */
  async function finish(rest: Rest): Promise<At | undefined> {
    inVain = 0;
    if (rest.step === 'stuck') return restStuck(rest);
    await clearUp(rest, base);
    const entry = await recordRest(rest, base);
    if (entry) hooks.ended(entry);
    // Left by an update that began while the box was stuck and never got to its own snapshot.
    if (rest.because !== null) await bringStuckBack(places);
    const onTrial = await exists(places.trial);
    at = rest;
    // Asked for in the very moment in which the release was confirmed.
    if (rest.because === null && (undoAsked || (await exists(undoMark(places.previous))))) return undoOnceMore();
    if (!onTrial) {
      await remove(stuckMark(places));
      return undefined;
    }
    // The update came to nothing on a box that was stuck, which it is still.
    const stuck = await readStuck(places);
    if (stuck && (await isOnTrial(places, stuck.update.id))) {
      await saveJournal(places, { at: stuck, bootId: await base.box.bootId(), tries: 1 });
      return restStuck(stuck);
    }
    const because: Because = { code: 'RESTORE_FAILED', message: 'The box was still on trial.', step: 'rollback' };
    return undoTrial(tools(), places.trial, because);
  }

  async function restStuck(rest: At<'stuck'>): Promise<undefined> {
    at = rest;
    await noteStuck(rest, base);
    if (anotherBootMayHelp(rest)) void rebootFrom(rest);
  }

  /** Who is there has time to see why, or to do something else. */
  async function rebootFrom(rest: At<'stuck'>): Promise<void> {
    await clock.sleep(stuckRebootMs);
    if (at !== rest || !updates.resting) return;
    await rebootBecause('the undo is tried again', base);
  }

  async function undoOnceMore(): Promise<At | undefined> {
    undoAsked = false;
    try {
      return await beginUndo(tools());
    } catch (error) {
      log.error('the undo that was asked for cannot be done', asUpdateError(error));
      await remove(undoMark(places.previous));
      return undefined;
    }
  }

  const updates: Updates = {
    async start() {
      const found = await whereWeWere(tools());
      at = found.at;
      const next = atRest(at) ? await finish(at) : at;
      // Why it could not go on is logged, and tried again.
      if (next) run(next, found.tries).catch(() => {});
    },
    async begin(update) {
      if (!updates.resting) throw busy(at);
      await run({ step: 'download', update });
    },
    cancel() {
      if (!running) return false;
      if (!cancellable.includes(at.step))
        throw new UpdateError('BUSY', `The update cannot be cancelled in the step "${at.step}".`);
      abort.abort();
      return true;
    },
    async undo() {
      if (running && at.step === 'confirm') {
        undoAsked = true;
        // No cut takes back what was answered: also where it is confirmed by now.
        const note = (folder: string) => writeFileSafely(undoMark(folder), '');
        await note(places.trial).catch(() => note(places.previous));
        return at.update.id;
      }
      if (!updates.resting) throw busy(at);
      if (at.step === 'stuck') {
        const { stuckBecause: _, ...facts } = at;
        await run({ ...facts, step: 'rollback' });
        return facts.update.id;
      }
      const begun = beginUndo(tools());
      // From here on nothing else may begin.
      running = begun.catch(() => {}).then(() => {});
      try {
        const start = await begun;
        await run(start);
        return start.update.id;
      } catch (error) {
        running = undefined;
        throw error;
      }
    },
    async lookAtUndo() {
      if (at.step === 'confirm' || at.step === 'stuck') return viewUndoOfTrial(tools());
      if (!updates.resting) throw busy(at);
      return viewUndo(tools());
    },
    get at() {
      return at;
    },
    get resting() {
      // A step that waits for a better disk is no rest.
      return running === undefined && atRest(at);
    },
    view: () => viewOf(at, progress, running ? (clock.monotonic() - stepBegan) / 1000 : 0),
    stop: () => worker.close(),
  };
  return updates;
}

const atRest = (at: At): at is Rest => at.step === 'idle' || at.step === 'stuck';

const busy = (at: At) => new UpdateError('BUSY', `An update is under way, in the step "${at.step}".`);
