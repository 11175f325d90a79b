import { UpdateError } from '../../protocol/errors.ts';
import type { Baseline } from '../facts.ts';
import { newestFormat } from '../journal.ts';
import type { At, Step } from '../machine.ts';
import { makeRoom } from '../space.ts';
import { isBetweenReleases } from '../stuck-trial.ts';
import type { Tools } from '../tools.ts';
import { refuseDetours, undoablePaths } from '../writable.ts';
import { running } from './stop.ts';

/** Copies, while the services still run, every folder that the release may write, and notes how healthy the box is. */
export const snapshot: Step<'snapshot'> = {
  resume: (at) => at,

  async run(at, tools) {
    const { box, config, places, cancelled, log, heldBack } = tools;
    const { values } = await config();
    const paths = undoablePaths(values, at.release.writablePaths);
    await refuseDetours(places.root, paths);
    if (!paths.some((path) => values.installed_version_path.startsWith(`${path}/`))) {
      const message = `${values.installed_version_path} is in none of the writable paths, so it could not be put back.`;
      throw new UpdateError('PATH_NOT_UNDOABLE', message);
    }
    // The copy, and the folders beside the old ones should they have to come back.
    const { bytes, inodes } = await box.sizeOf(paths);
    await makeRoom(tools, [{ folder: places.state, bytes, inodes }]);
    const services = [...new Set([...values.services, ...at.release.services])];
    const baseline = await takeBaseline(tools, services);
    const gateway = (await box.gateway()) === 'answers';
    if (at.update.from === null) log.warn('first installation: no readable VERSION on the box');
    await box.snapshot(places.newSnapshot, paths, await aboutOf({ ...at, baseline }, tools));
    if (cancelled.aborted) throw new UpdateError('CANCELLED', 'The update was cancelled.');
    const held = await heldBack(at.update);
    if (held) throw held;
    return { ...at, step: 'stop', paths, baseline, gateway };
  },
};

/** What a snapshot must say of itself so that it can be put back even when the journal is lost. */
export async function aboutOf(
  { update, baseline }: Pick<At<'stop'>, 'update' | 'baseline'>,
  { places, config }: Pick<Tools, 'places' | 'config'>,
) {
  const { values } = await config();
  return {
    update: update.id,
    from: update.from ?? 'none',
    to: update.to,
    sha256: update.sha256 ?? 'none',
    active: running(baseline).join(' '),
    // The guard's limits, as it reads nothing else.
    trial_boots: values.trial_boots,
    trial_deadline_s: values.trial_deadline_s,
    heartbeat_s: values.trial_heartbeat_s,
    journal: newestFormat(),
    script_timeout_s: values.script_timeout_s,
    // No release to go back to on purpose once this update is confirmed.
    whole: (await isBetweenReleases(places)) ? 'no' : 'yes',
  };
}

async function takeBaseline({ box }: Tools, services: readonly string[]): Promise<Baseline> {
  const baseline: Record<string, Baseline[string]> = {};
  for (const name of services) {
    const { state, byHand } = await box.service(name);
    // On its way up counts as up: it would have been.
    const up = state === 'active' || state === 'starting';
    baseline[name] = up ? (byHand ? 'by hand' : 'active') : state;
  }
  return baseline;
}
