import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../protocol/config-keys.ts';
import { packageName } from '../../protocol/version.ts';
import { privateFolder, remove } from '../files.ts';
import type { Places } from '../places.ts';

/**
 * Removes what updates left in the download folder, which is made if there is none.
 * Only names that the updater makes are touched, as the folder may be shared with other things.
 * @param keep version of which a download, whole or not, stays
 * @throws UpdateError UNSAFE_FOLDER
 */
export async function clearDownloads(places: Places, config: Config, { keep }: { keep: number | null }): Promise<void> {
  const folder = places.at(config.download_dir_path);
  await privateFolder(folder);
  const all = await readdir(folder, { withFileTypes: true });
  const ours = all.filter(({ name }) => /^opq-box-update-\d{9,12}\.(tar|staged|unpacked)/.test(name));
  // Never a link, which somebody may have left there before the folder was private.
  const stays = (entry: Dirent) =>
    keep !== null && entry.isFile() && entry.name.startsWith(`${packageName(keep)}.unverified`);
  const stale = ours.filter((entry) => !stays(entry));
  await Promise.all(stale.map(({ name }) => remove(join(folder, name))));
}
