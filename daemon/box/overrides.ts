import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Of } from './sha256.ts';

/**
 * What lies in a folder of units under the names of our own, where it masks or overrides them: path to fingerprint.
 * @param folder such as /etc/systemd/system
 */
export async function overridesIn(folder: string): Promise<Record<string, string>> {
  const names = await readdir(folder).catch(() => [] as string[]); // no folder: nothing is overridden
  const found: Record<string, string> = {};
  for (const name of names.filter((one) => one.startsWith('opq-updater')).sort()) await look(join(folder, name), found);
  return found;
}

async function look(path: string, found: Record<string, string>): Promise<void> {
  const stat = await lstat(path);
  if (stat.isDirectory()) for (const name of (await readdir(path)).sort()) await look(join(path, name), found);
  else found[path] = stat.isSymbolicLink() ? `-> ${await readlink(path)}` : sha256Of(await readFile(path));
}
