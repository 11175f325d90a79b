import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ErrorCode } from '../protocol/error-codes.ts';
import { asUpdateError } from '../protocol/errors.ts';
import { removeOtherUpdaters, updaterInSnapshot } from './box/updater.ts';
import { exists, move, removeSafely } from './files.ts';
import { heldCodes } from './history.ts';
import type { At } from './machine.ts';
import { clearDownloads } from './steps/clear-downloads.ts';
import { packageFiles } from './steps/package-files.ts';
import type { Tools } from './tools.ts';

/** Ends that say nothing of the package: it will be wanted again, so what was fetched of it stays. */
const wantedAgain: ReadonlySet<ErrorCode> = new Set([
  'SERVER_UNREACHABLE',
  'SERVER_ERROR',
  'NOT_OUR_SERVER',
  'TLS_FAILED',
  'STALLED',
  'CANCELLED',
  ...heldCodes,
  'POWER_LOST',
  'SCRIPT_SHUT_DOWN',
  'SCRIPT_NOT_STARTED',
  'DAEMON_DIED',
]);

/** Removes what an update leaves when it is over: space on an SD card is short. */
export async function clearUp(
  { update, because }: At<'idle'>,
  tools: Pick<Tools, 'places' | 'config' | 'log' | 'updater'>,
) {
  if (update === null) return;
  const { places, config, log } = tools;
  try {
    // The way back from a box that was stuck, until a release is confirmed again. First of all: it would undo that one.
    if (because === null) await removeSafely(places.stuckTrial);
    const { values } = await config();
    const again = because !== null && wantedAgain.has(because.code) && update.source.kind === 'server';
    const { verified, unverified } = packageFiles(places, values, update.to);
    // Under its old name, as the next update has to verify it anew.
    if (again && (await exists(verified))) await move(verified, unverified);
    await clearDownloads(places, values, { keep: again ? update.to : null });
    const snapshots = (await readdir(places.state)).filter((name) => name.startsWith(basename(places.newSnapshot)));
    for (const name of snapshots) await removeSafely(join(places.state, name));
    // The one that runs starts its workers from there; each that an undo may lead back to.
    const kept = await Promise.all([places.trial, places.stuckTrial, places.previous].map(updaterInSnapshot));
    await removeOtherUpdaters(places.root, [tools.updater.version, ...kept]);
  } catch (error) {
    // It is over all the same, and how it ended counts; the next one clears up.
    log.warn(`not all was cleared up: ${asUpdateError(error).message}`);
  }
}
