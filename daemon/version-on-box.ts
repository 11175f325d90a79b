import { dirname } from 'node:path';
import type { Config } from '../protocol/config-keys.ts';
import { maxVersionFileBytes, parseInstalledVersion } from '../protocol/version.ts';
import { makeFolder, readIfThere, writeFileSafely } from './files.ts';
import type { Places } from './places.ts';

/** The version that is installed; undefined when VERSION is missing or unreadable: then any release is newer. */
export async function installedVersion(places: Places, config: Config): Promise<number | undefined> {
  const text = await readIfThere(places.at(config.installed_version_path)).catch(() => ''); // a folder is unreadable too
  return text === undefined || text.length > maxVersionFileBytes ? undefined : parseInstalledVersion(text);
}

/** Writes VERSION, for a release whose script forgot to. */
export async function writeInstalledVersion(places: Places, config: Config, version: number): Promise<void> {
  const path = places.at(config.installed_version_path);
  await makeFolder(dirname(path));
  await writeFileSafely(path, `${version}\n`, 0o644);
}
