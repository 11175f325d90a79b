import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fingerprintsOf } from '../fingerprints.ts';

/**
 * What lies in a folder of units under the names of our own, where it masks or overrides them: path to fingerprint.
 * @param folder such as /etc/systemd/system
 */
export async function overridesIn(folder: string): Promise<Record<string, string>> {
  const names = await readdir(folder).catch(() => [] as string[]); // no folder: nothing is overridden
  const ours = names.filter((name) => name.startsWith('opq-updater'));
  return Object.assign({}, ...(await Promise.all(ours.map((name) => fingerprintsOf(join(folder, name))))));
}
