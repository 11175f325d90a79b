import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from './files.ts';

export const sha256Of = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

/** Everything at and below a path: each file and link to what it is; nothing where there is nothing. For small trees. */
export async function fingerprintsOf(path: string): Promise<Record<string, string>> {
  if (!(await exists(path))) return {};
  const stat = await lstat(path);
  // A link counts with where it leads and with what is there.
  const text = async () => (stat.isSymbolicLink() ? `-> ${await readlink(path)} ` : '') + (await contentOf(path));
  if (!stat.isDirectory()) return { [path]: await text() };
  const below = await Promise.all((await readdir(path)).sort().map((name) => fingerprintsOf(join(path, name))));
  return Object.assign({}, ...below);
}

/** What cannot be read, such as a folder behind a link, is the same as long as it cannot be read. */
export const contentOf = (path: string): Promise<string> => readFile(path).then(sha256Of, () => 'unreadable');
