/**
 * A box that is stuck is of two releases, and `trial/` is its way back to the older one. An update that a person begins
 * there must not lose that: until the new release is confirmed, the old snapshot lies beside as `trial.stuck`.
 *
 *     stop      trial -> trial.stuck, then the new snapshot -> trial
 *     confirm   trial -> previous; trial.stuck is cleared up
 *     rollback  trial is put back, then trial.stuck: the box is of the older release, whole
 */
import { join } from 'node:path';
import { parseInstalledVersion } from '../protocol/version.ts';
import { readAbout } from './box/snapshot.ts';
import type { Baseline } from './facts.ts';
import { exists, removeSafely, renameSafely } from './files.ts';
import type { At } from './machine.ts';
import type { Places } from './places.ts';

/** How often a stuck undo is tried again, a boot each. */
export const maxStuckBoots = 3;

/** True unless the copy is damaged: whatever else kept it from being put back may be gone in the next boot. */
export const anotherBootMayHelp = ({ stuckBecause, stuckBoots }: At<'stuck'>): boolean =>
  stuckBecause.code !== 'SNAPSHOT_DAMAGED' && stuckBoots < maxStuckBoots;

/** For the guard: `trial/` waits for a person or the next boot, and nobody is to end it. Goes when it is worked on. */
export const stuckMark = ({ run }: Places): string => join(run, 'stuck');

/** True when the snapshot in `trial/` is of this update, not left by one that ended stuck. */
export async function isOnTrial({ trial }: Places, updateId: string): Promise<boolean> {
  return (await exists(trial)) && (await readAbout(trial)).update === updateId;
}

/** True when what is on the box now is no release: there is no going back to it on purpose. */
export async function isBetweenReleases({ trial, stuckTrial }: Places): Promise<boolean> {
  return (await exists(trial)) || (await exists(stuckTrial));
}

/** Makes room for the snapshot of a new update. The oldest one stays: what came later is of a box in between. */
export async function setStuckAside({ trial, stuckTrial }: Places): Promise<void> {
  if (!(await exists(trial))) return;
  if (await exists(stuckTrial)) await removeSafely(trial);
  else await renameSafely(trial, stuckTrial);
}

/** The new update did not come so far as to have a snapshot of its own: the old one counts again. */
export async function bringStuckBack({ trial, stuckTrial }: Places): Promise<void> {
  if ((await exists(stuckTrial)) && !(await exists(trial))) await renameSafely(stuckTrial, trial);
}

/** What could not be cleared up after an earlier update must not be taken for the way back of the one that begins. */
export async function leaveNoStuck({ trial, stuckTrial }: Places): Promise<void> {
  if (!(await exists(trial))) await removeSafely(stuckTrial);
}

/** What the box was before it got stuck, as its snapshot says: version and the services that ran. */
export async function beforeStuck({ stuckTrial }: Places): Promise<{ from: number | null; baseline: Baseline }> {
  const { from = '', active = '' } = await readAbout(stuckTrial);
  return { from: parseInstalledVersion(from) ?? null, baseline: baselineOf(active) };
}

/** Services that ran, from the word of a snapshot. */
export const baselineOf = (active: string): Baseline =>
  Object.fromEntries(active.split(' ').flatMap((name) => (name ? [[name, 'active' as const]] : [])));
