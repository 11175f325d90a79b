import { access, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Makes `PREFIX``id` in the cache unless it is there, and removes its predecessors: each takes some 100 MB. */
export async function keepOnly(cache: string, prefix: string, id: string, make: () => Promise<void>): Promise<void> {
  const name = `${prefix}${id}`;
  const known = await access(join(cache, name)).then(
    () => true,
    () => false, // not there yet
  );
  if (!known) await make();
  for (const other of await readdir(cache)) {
    if (other.startsWith(prefix) && other !== name) await rm(join(cache, other), { recursive: true, force: true });
  }
}
