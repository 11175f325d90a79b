import { join } from 'node:path';
import type { Config } from '../protocol/config-keys.ts';
import { UpdateError } from '../protocol/errors.ts';
import { parseInstalledVersion } from '../protocol/version.ts';
import type { Box } from './box/box.ts';
import { readAbout } from './box/snapshot.ts';
import { exists, renameSafely, writeFileSafely } from './files.ts';
import type { Places } from './places.ts';
import { keptByUndo } from './steps/undo.ts';

export interface Offline {
  readonly places: Places;
  readonly box: Box;
  readonly config: Config;
  /** Asks whether to go back to a version; false = leave all as it is. */
  confirmed(to: number | null): Promise<boolean>;
}

/**
 * Puts the earlier release back without the daemon, by the same restore program and as the guard does: what it did it
 * leaves in `trial/`, for the daemon to prove and to tell in the next boot. Cut off, the guard or the daemon goes on.
 * @returns the version that it went back to; null = none was readable then
 * @throws UpdateError NOTHING_TO_UNDO, SNAPSHOT_DAMAGED, CANCELLED, BUSY, RESTORE_FAILED, DISK_FULL
 */
export async function rollbackOffline({ places, box, config, confirmed }: Offline): Promise<number | null> {
  const onTrial = await exists(places.trial);
  const folder = onTrial ? places.trial : places.previous;
  const { update, from = '', active = '', whole } = await readAbout(folder);
  if (!onTrial && (!update || whole === 'no')) {
    throw new UpdateError('NOTHING_TO_UNDO', 'No snapshot of an earlier release is kept.');
  }
  if (!(await box.snapshotIntact(folder))) {
    throw new UpdateError('SNAPSHOT_DAMAGED', 'The copy of the earlier release is damaged; nothing was touched.');
  }
  const to = parseInstalledVersion(from) ?? null;
  if (!(await confirmed(to))) throw new UpdateError('CANCELLED', 'Nothing was changed.');
  const services = active.split(' ').filter(Boolean);
  try {
    await box.endDaemon(services);
    if (!onTrial) {
      const aside = join(places.aside, update ?? '');
      const how = { into: places.newSnapshot, kept: keptByUndo(places, config), enough: async () => {} };
      await box.prepareUndo(folder, { ...how, aside });
      await renameSafely(places.newSnapshot, places.trial);
    }
    await writeFileSafely(begunMark(places), mark);
  } catch (error) {
    // No room for it, say: nothing was touched, and nothing stays stopped for it.
    await box.startDaemon(services);
    throw error;
  }
  await box.restore(places.trial);
  if (await exists(places.stuckTrial)) await box.restore(places.stuckTrial);
  await writeFileSafely(join(places.trial, 'guard'), mark);
  await box.sync();
  return to;
}

const mark = 'reason=person\n';
const begunMark = ({ trial }: Places): string => join(trial, 'guard-begun');

/** True when files were touched: the guard, or the daemon, goes on with it in the next boot. */
export const isBegun = (places: Places): Promise<boolean> => exists(begunMark(places));
