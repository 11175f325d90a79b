import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Images } from './images.ts';
import { hashPattern } from './plan.ts';
import type { AttendedSettings } from './settings.ts';
import type { Statistics } from './statistics.ts';

export const collectEveryMs = 3 * 60_000;

/**
 * Enforces lifetimes and the quota: first what is over, then what was used longest ago, never what is being downloaded
 * or younger than an hour. Half-built folders go once no worker can be at them any more.
 */
export async function collect(
  images: Images,
  settings: AttendedSettings,
  statistics: Statistics,
  nowMs: number,
): Promise<void> {
  // What ended while nobody asked for it counts, too.
  for (const name of await readdir(images.dir)) if (hashPattern.test(name)) await images.look(name);
  for (const image of images.all()) if (images.isOver(image) && image.users === 0) await images.remove(image);
  const oldestFirst = images.all().sort((a, b) => a.lastUsedMs - b.lastUsedMs);
  for (const image of oldestFirst) {
    if (images.totalBytes() <= settings.max_cache_bytes) break;
    if (images.isRemovable(image)) await images.remove(image);
  }
  for (const name of await readdir(images.dir)) {
    if (!name.startsWith('.')) continue;
    const path = join(images.dir, name);
    const state = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined; // its build ended at this moment
      throw error;
    });
    if (state && nowMs - state.mtimeMs > settings.build_timeout_s * 2_000)
      await rm(path, { recursive: true, force: true });
  }
  await statistics.save();
}
