import { join } from 'node:path';
import type { Config } from '../protocol/config-keys.ts';
import { UpdateError } from '../protocol/errors.ts';
import type { Update } from './facts.ts';
import { readIfReadable, writeFileSafely } from './files.ts';
import type { Places } from './places.ts';
import { installedVersion } from './version-on-box.ts';

const floorFile = (places: Places) => join(places.state, 'floor');

/** The lowest version that the box accepts: the highest of what is installed, was ever confirmed, or is configured. */
export async function readFloor(places: Places, config: Config): Promise<number> {
  return Math.max(
    (await installedVersion(places, config)) ?? 0,
    await highestConfirmed(places),
    config.minimum_version,
  );
}

async function highestConfirmed(places: Places): Promise<number> {
  return Number.parseInt((await readIfReadable(floorFile(places))) ?? '0', 10) || 0;
}

/** Never lowers it: called with each confirmed version. */
export async function raiseFloor(places: Places, version: number): Promise<void> {
  if (version > (await highestConfirmed(places))) await writeFileSafely(floorFile(places), `${version}\n`);
}

/** True for a release that was confirmed here once while an earlier one is what runs now. */
export async function wasTakenBack(version: number, places: Places, config: Config): Promise<boolean> {
  const installed = await installedVersion(places, config);
  return installed !== undefined && installed < version && version === (await highestConfirmed(places));
}

/** @throws UpdateError DOWNGRADE_REFUSED */
export function checkFloor(update: Pick<Update, 'to' | 'allowDowngrade'>, floor: number): void {
  if (update.allowDowngrade || update.to >= floor) return;
  throw new UpdateError(
    'DOWNGRADE_REFUSED',
    `The release ${update.to} is below ${floor}, the lowest that this box accepts.`,
  );
}
