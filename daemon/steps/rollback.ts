import { join } from 'node:path';
import type { ErrorCode } from '../../protocol/error-codes.ts';
import { UpdateError } from '../../protocol/errors.ts';
import type { Because } from '../facts.ts';
import { exists, remove, write } from '../files.ts';
import type { At, Step } from '../machine.ts';
import { beforeStuck, maxStuckBoots, stuckMark } from '../stuck-trial.ts';
import type { Tools } from '../tools.ts';
import { otherWay } from './keep-package.ts';
import { running, startAgain } from './stop.ts';

/** Puts the snapshot back. May be begun any number of times, from any state of the folders. */
export const rollback: Step<'rollback'> = {
  resume: (at) => at,

  async run(at, tools) {
    const { box, places, log, clock } = tools;
    const { code, message } = at.because;
    log.warn(`the earlier release is put back: ${code} ${message}`, { version: at.update.from });
    if (!(await box.snapshotIntact(places.trial))) {
      // The box is of two releases: what can run of it shall.
      await startAgain(at.baseline, tools);
      const message = `The copy of the earlier release is damaged; nothing was touched. ${await otherWay(places, at.update.from)}`;
      throw new UpdateError('SNAPSHOT_DAMAGED', message);
    }
    // The guard grants the undo as much time as a trial.
    await write(join(places.run, 'trial'), `${clock.uptimeS()}\n`);
    await remove(stuckMark(places));
    // It may have outlived the daemon that started it.
    await box.killScript();
    let quiet = true;
    for (const name of running(at.baseline)) {
      // A service of a bad release that does not stop must not keep the good one away: the reboot ends it.
      await box.stopService(name).catch((error) => {
        quiet = false;
        log.error(`${name} runs on during the undo`, error);
      });
    }
    const wasStuck = await exists(places.stuckTrial);
    const sinceMs = clock.now();
    try {
      await box.restore(places.trial);
      // The box was of two releases when this update began: further back it is of one.
      if (wasStuck) await box.restore(places.stuckTrial);
      await proveTree(
        wasStuck ? places.stuckTrial : places.trial,
        { quiet, sinceMs, isLast: at.stuckBoots >= maxStuckBoots },
        tools,
      );
    } catch (error) {
      // Better than nothing until somebody looks at it.
      await startAgain(at.baseline, tools);
      throw error;
    }
    // It was not the guard's undo, or is not any more: done once is enough.
    for (const mark of ['guard', 'guard-begun']) await remove(join(places.trial, mark));
    await box.sync();
    const bootId = await box.bootId();
    if (!wasStuck) return { ...at, step: 'restored', bootId };
    const { from, baseline } = await beforeStuck(places);
    log.warn('with it goes what was left of the update before', { version: from });
    return { ...at, step: 'restored', bootId, update: { ...at.update, from }, baseline, scriptStarted: true };
  },
};

/** Now or never: after the reboot the services write into these folders again. */
async function proveTree(
  snapshot: string,
  { quiet, sinceMs, isLast }: { quiet: boolean; sinceMs: number; isLast: boolean },
  { box, log }: Tools,
): Promise<void> {
  if (await box.snapshotHolds(snapshot)) return;
  // A unit that was left to run may have written in that moment: that one has another chance.
  await box.restore(snapshot);
  if (await box.snapshotHolds(snapshot)) return;
  const error = new UpdateError('RESTORE_FAILED', 'The folders should be as in the copy, found them different.');
  // Of a service that runs on it is known what writes there. What the release started, and nobody here knows of, is
  // gone in the next boot; what still writes in the last one belongs to the box, and is no reason to give it up.
  const isOthers = !quiet || (isLast && (await box.onlyWrittenSince(snapshot, sinceMs).catch(() => false)));
  if (!isOthers) throw error;
  log.error('the undo could not be proven', error);
}

/** Failures that are the release's own fault: it is not taken again by itself. */
const blamed: ReadonlySet<ErrorCode> = new Set([
  'INSTALL_SCRIPT_FAILED',
  'INSTALL_TIMED_OUT',
  'WRONG_VERSION_INSTALLED',
  'UPDATER_BROKEN',
  'UPDATER_TAMPERED',
  'HEALTH_FAILED',
  // A person did not want it: by itself the box does not take it again.
  'ROLLED_BACK',
]);

/** The way back from a box on trial. */
export function rollbackBecause(at: At<'stop' | 'install' | 'reboot' | 'confirm'>, because: Because): At<'rollback'> {
  return {
    bootId: '',
    stoppedAtMs: 0,
    scriptTail: [],
    ...at,
    step: 'rollback',
    because,
    scriptStarted: at.step !== 'stop',
    blame: blamed.has(because.code),
    stuckBoots: 0,
  };
}

/** Rest, but not peace: the box may be of two releases. */
export const stuckBecause = (at: At<'rollback' | 'restored'>, stuck: Because): At<'stuck'> => ({
  ...at,
  step: 'stuck',
  stuckBecause: stuck,
});
