import { join } from 'node:path';
import { UpdateError } from '../../protocol/errors.ts';
import { exists, remove, renameSafely, write } from '../files.ts';
import type { Step } from '../machine.ts';
import { takeSeal } from '../seal.ts';
import { takeSpare } from '../spare.ts';
import { setStuckAside, stuckMark } from '../stuck-trial.ts';
import type { Tools } from '../tools.ts';
import { rollbackBecause } from './rollback.ts';
import { aboutOf } from './snapshot.ts';

/** Stops the services, makes sure that the snapshot is still true, and puts the box on trial by one rename. */
export const stop: Step<'stop'> = {
  // Before the rename it is simply done again; after it the script may not be believed to have waited.
  resume(at, { same, onTrial }) {
    if (!onTrial) return at;
    const [code, message] = same
      ? (['DAEMON_DIED', 'The updater ended while it stopped the services.'] as const)
      : (['POWER_LOST', 'The box lost power while the services were stopped.'] as const);
    return rollbackBecause(at, { code, message, step: 'stop' });
  },

  async run(at, tools) {
    const { box, places, clock, log, cancelled } = tools;
    // Cancelled in the moment in which the snapshot was done.
    if (cancelled.aborted) throw new UpdateError('CANCELLED', 'The update was cancelled.');
    const seal = await takeSeal(tools);
    const stoppedAtMs = clock.now();
    for (const name of running(at.baseline)) await box.stopService(name);
    if (!(await exists(places.newSnapshot)) || !(await box.snapshotHolds(places.newSnapshot))) {
      log.info('the services wrote after the snapshot: it is made again');
      await box.snapshot(places.newSnapshot, at.paths, await aboutOf(at, tools));
    }
    await takeSpare(places);
    await setStuckAside(places);
    await write(join(places.run, 'trial'), `${clock.uptimeS()}\n`);
    await remove(stuckMark(places));
    await renameSafely(places.newSnapshot, places.trial);
    return { ...at, step: 'install', bootId: await box.bootId(), stoppedAtMs, scriptTail: [], seal };
  },
};

/** Services that were up before the update, in the order of the configuration. */
export const running = (baseline: Readonly<Record<string, string>>): string[] =>
  Object.keys(baseline).filter((name) => baseline[name] === 'active' || baseline[name] === 'by hand');

/** The best that can be done for them: one that does not start is logged. */
export async function startAgain(baseline: Readonly<Record<string, string>>, { box, log }: Tools): Promise<void> {
  for (const name of running(baseline)) {
    await box.startService(name).catch((error) => log.error(`${name} could not be started again`, error));
  }
}
