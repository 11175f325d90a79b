import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../protocol/config-keys.ts';
import { packageFolder } from '../../protocol/version.ts';
import type { Places } from '../places.ts';

/**
 * Removes what earlier updates left in the download folder: space on an SD card is short.
 * Only names that the updater makes are touched, as the folder may be shared with other things.
 * @param keep version of which everything stays
 */
export async function clearDownloads(places: Places, config: Config, { keep }: { keep: number | null }): Promise<void> {
  const folder = places.at(config.download_dir_path);
  const names = await readdir(folder);
  const ours = names.filter((name) => /^opq-box-update-\d{9,12}\.(tar|unpacked)/.test(name));
  const stale = ours.filter((name) => keep === null || !name.startsWith(`${packageFolder(keep)}.`));
  await Promise.all(stale.map((name) => rm(join(folder, name), { recursive: true, force: true })));
}
