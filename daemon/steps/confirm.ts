import { join } from 'node:path';
import { asUpdateError } from '../../protocol/errors.ts';
import { pathsOf, readAbout } from '../box/snapshot.ts';
import { readComponents } from '../components-on-box.ts';
import { channelOf, type Update } from '../facts.ts';
import { exists, removeSafely, renameSafely } from '../files.ts';
import { raiseFloor } from '../floor.ts';
import { becomesHealthy } from '../health.ts';
import { followForGood } from '../keys.ts';
import type { At, Step } from '../machine.ts';
import type { Places } from '../places.ts';
import { removeFromQuarantine } from '../quarantine.ts';
import type { Tools } from '../tools.ts';
import { installedVersion } from '../version-on-box.ts';
import { broughtUpdater } from './bring-updater.ts';
import { carryPackage, keepPackage } from './keep-package.ts';
import { noteAfter } from './note-after.ts';
import { rollbackBecause } from './rollback.ts';
import { startAgain } from './stop.ts';
import { undoMark } from './undo.ts';

/** Confirms by local health alone: the update server may be down, that says nothing of this release. */
export const confirm: Step<'confirm'> = {
  // A boot that the mains cut short says nothing of the release either, but there must be an end to it.
  resume: (at, { same, shutdown }) => (same || shutdown === 'orderly' ? at : { ...at, cutBoots: at.cutBoots + 1 }),

  async run(at, tools) {
    const { places, config, undoAsked } = tools;
    const { values } = await config();
    // Cut after the rename, which is what confirms a release: only what follows it is left to do.
    const before = await readAbout(places.previous);
    if (!(await exists(places.trial)) && (before.update === at.update.id || isAgain(at.update, before))) {
      return kept(at, null, tools);
    }
    if (await exists(undoMark(places.trial))) return byPerson(at);
    if (at.cutBoots >= values.trial_boots) {
      const message = `Power was lost in ${at.cutBoots} boots before the release could be confirmed.`;
      return rollbackBecause(at, { code: 'POWER_LOST', message, step: 'confirm' });
    }
    const updater = broughtUpdater(at, tools.updater);
    if (updater !== undefined) {
      const message = `Version ${updater} of the updater, which the release brought, should run, found ${tools.updater.version}.`;
      return rollbackBecause(at, { code: 'UPDATER_BROKEN', message, step: 'confirm' });
    }
    const found = await installedVersion(places, values);
    if (found !== at.update.to) {
      const message = `After the reboot VERSION says ${found ?? 'nothing'}, the release is ${at.update.to}.`;
      return rollbackBecause(at, { code: 'WRONG_VERSION_INSTALLED', message, step: 'confirm' });
    }
    const record = await readComponents(places, values);
    // Another image of the same release: VERSION was right before, and proves nothing.
    if (channelOf(at.update) === 'attended' && record?.sha256 !== at.release.sha256) {
      const message = `After the reboot the box has the image ${record?.sha256 ?? 'of nobody'}, not ${at.release.sha256}.`;
      return rollbackBecause(at, { code: 'WRONG_VERSION_INSTALLED', message, step: 'confirm' });
    }
    // A script that rebooted by itself left no time for it.
    await noteAfter(tools);
    await keepPackage(at, tools);
    // No boot starts them. Those that one does start are the release's to have started.
    const byHand = Object.entries(at.baseline).filter(([, before]) => before === 'by hand');
    await startAgain(Object.fromEntries(byHand), tools);
    const health = await becomesHealthy(at, tools);
    if (undoAsked()) return byPerson(at);
    if (!health.ok) return rollbackBecause(at, { code: health.code, message: health.message, step: 'confirm' });
    if (!(await hasReported(values.trial_deadline_s * 1000, tools))) {
      const message = `The updater did not get ready in ${values.trial_deadline_s} s.`;
      return rollbackBecause(at, { code: 'UPDATER_BROKEN', message, step: 'confirm' });
    }
    await promote(at.update, tools);
    return kept(at, Math.max(0, (health.upAtMs - at.stoppedAtMs) / 1000), tools);
  },
};

const byPerson = (at: At<'confirm'>) =>
  rollbackBecause(at, { code: 'ROLLED_BACK', message: 'A person had it put back.', step: 'confirm' });

/** An updater that works on this but never gets ready would be ended by systemd, and the one after it as well. */
async function hasReported(patienceMs: number, { places, clock }: Tools): Promise<boolean> {
  for (const end = clock.monotonic() + patienceMs; clock.monotonic() < end; await clock.sleep(250)) {
    if (await exists(join(places.run, 'heartbeat'))) return true;
  }
  return false;
}

/** The release is the box's own from here on; nothing may lead back any more, so nothing may throw. */
async function kept(at: At<'confirm'>, outageS: number | null, { places, config, log }: Tools): Promise<At<'idle'>> {
  const { to, sha256 } = at.update;
  log.info('confirmed', { version: to });
  // The keys of another channel are changed by that one.
  const keyLinks = channelOf(at.update) === 'detached' ? at.release.keyLinks : [];
  try {
    const followed = await followForGood(places, (await config()).values, keyLinks, to);
    if (followed) log.warn('the publisher changed the keys that this box trusts', { release: to });
  } catch (error) {
    // The next release brings the whole chain again.
    log.error('the keys of the release could not be followed', asUpdateError(error));
  }
  try {
    await raiseFloor(places, to);
    if (sha256) await removeFromQuarantine(places, sha256);
    await removeSafely(outdated(places));
  } catch (error) {
    // The installed version is a floor as well, and a quarantined one that runs is only asked for by a person.
    log.error('floor and quarantine could not be written', asUpdateError(error));
  }
  return { step: 'idle', because: null, update: at.update, outageS, scriptTail: at.scriptTail };
}

/**
 * Two renames, as a folder cannot replace a full one; whatever is cut, `trial` is there until `previous` is new. Cut
 * off between the two and put back after all, the box gets the outdated one back: see `restored`.
 *
 * The package that runs, installed again, is left by the way back of the first time: to where the box was before it.
 */
async function promote(update: Update, { places, log }: Pick<Tools, 'places' | 'log'>): Promise<void> {
  const { trial, previous } = places;
  if (await exists(previous)) {
    await removeSafely(outdated(places));
    const again = isAgain(update, await readAbout(previous)) && (await reachesAsFar(previous, trial));
    const [goes, stays] = again ? [trial, previous] : [previous, trial];
    await carryPackage(update.from, goes, stays).catch((error) =>
      log.warn(`the package before is not kept: ${asUpdateError(error).message}`),
    );
    await renameSafely(goes, outdated(places));
    if (again) return;
  }
  await renameSafely(trial, previous);
}

/** True when the package is the one that a snapshot was made for, and nothing was installed since. */
const isAgain = ({ from, to, sha256 }: Update, about: Record<string, string>): boolean =>
  from === to && about.sha256 === sha256;

/** True when one snapshot is of all folders that another is of. */
async function reachesAsFar(snapshot: string, other: string): Promise<boolean> {
  try {
    const paths = new Set(await pathsOf(snapshot));
    return (await pathsOf(other)).every((path) => paths.has(path));
  } catch {
    return false; // one that cannot be read is no way back
  }
}

/** Where the kept snapshot waits for a newer one to take its place. */
export const outdated = ({ previous }: Places): string => `${previous}.outdated`;
