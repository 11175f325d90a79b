import { join } from 'node:path';
import { isNewerUpdater } from '../../protocol/updater.ts';
import { layUpdater, useUpdater } from '../box/updater.ts';
import type { VerifiedRelease } from '../facts.ts';
import type { Tools } from '../tools.ts';

interface Bringing {
  readonly release: VerifiedRelease;
}

/**
 * The version of the updater that is to run on this box because of the release; undefined = the one that runs.
 * An older one is never brought: the daemon that began could not be sure that it reads what it is handed.
 */
export function broughtUpdater({ release: { updater } }: Bringing, running: Tools['updater']): string | undefined {
  return updater && isNewerUpdater(updater.version, running.version) ? updater.version : undefined;
}

/**
 * Lays the updater of the release beside the one that runs, which nothing uses yet.
 * @param contents the unpacked top folder
 * @throws UpdateError UPDATER_BROKEN
 */
export async function bringUpdater(at: Bringing, contents: string, { places, updater, log }: Tools): Promise<void> {
  const version = broughtUpdater(at, updater);
  if (version === undefined) return;
  log.info('the release brings the updater', { version, running: updater.version });
  await layUpdater(places.root, version, join(contents, at.release.updater!.path));
}

/**
 * Has the updater of the release start from here on. Last of all, so that until then whatever fails is put back by the
 * updater that began; and in a step that comes after a script which reboots by itself, too.
 * @returns true when that takes a reboot
 * @throws UpdateError UPDATER_BROKEN
 */
export async function switchUpdater(at: Bringing, { places, updater }: Tools): Promise<boolean> {
  const version = broughtUpdater(at, updater);
  return version !== undefined && useUpdater(places.root, version);
}
