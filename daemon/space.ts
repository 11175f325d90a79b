import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UpdateError } from '../protocol/errors.ts';
import { bytesText } from '../protocol/words.ts';
import { readAbout } from './box/snapshot.ts';
import { exists, removeSafely } from './files.ts';
import type { Places } from './places.ts';
import type { Tools } from './tools.ts';

/** What something takes where a folder lies: bytes, and files however small. */
export interface Need {
  readonly folder: string;
  readonly bytes: number;
  readonly inodes: number;
}
type With<K extends keyof Tools> = Pick<Tools, 'box' | 'config' | K>;

/**
 * Refuses to begin what would not fit, the reserve included. What lies on one file system is added up.
 * @throws UpdateError DISK_FULL
 */
export async function needSpace(tools: With<never>, needs: readonly Need[]): Promise<void> {
  for (const need of await byFileSystem(needs)) {
    const fault = await shortage(tools, need);
    if (fault) throw fault;
  }
}

/**
 * The same where that is only announced: it counts as free what giving up the kept copy would free, and gives nothing up.
 * @throws UpdateError DISK_FULL
 */
export async function mayMakeRoom(tools: With<'places'>, needs: readonly Need[]): Promise<void> {
  for (const need of await byFileSystem(needs)) {
    const kept = await keptBytes(tools.places, need.folder);
    const fault = await shortage(tools, { ...need, bytes: Math.max(0, need.bytes - kept) });
    if (fault) throw fault;
  }
}

/**
 * The same for a new update, which goes before the kept copy of the earlier release: that is given up where it helps.
 * The copy of a release on trial never is.
 * @throws UpdateError DISK_FULL
 */
export async function makeRoom(tools: With<'places' | 'log'>, needs: readonly Need[]): Promise<void> {
  for (const need of await byFileSystem(needs)) {
    if (!(await shortage(tools, need))) continue;
    const givenUp = await keptBytes(tools.places, need.folder);
    const stillShort = await shortage(tools, { ...need, bytes: need.bytes - givenUp });
    if (givenUp > 0 && !stillShort) {
      await giveUpKept(tools, need.folder);
    }
    const fault = await shortage(tools, need);
    if (fault) throw fault;
  }
}

/** Gives the kept copy of the earlier release up. @returns false when none lies on the file system of the folder */
export async function giveUpKept({ places, log }: Pick<Tools, 'places' | 'log'>, folder: string): Promise<boolean> {
  const bytes = await keptBytes(places, folder);
  if (bytes === 0) return false;
  const { from } = await readAbout(places.previous);
  log.warn('the kept copy of the earlier release is given up to make room', { version: from, of: bytesText(bytes) });
  await removeSafely(places.previous);
  return true;
}

/** Bytes that giving up the kept copy of the earlier release, with the packages beside it, would free where `folder` lies. */
export async function keptBytes({ previous }: Places, folder: string): Promise<number> {
  const names = await readdir(previous).catch(() => []); // none is kept
  const stats = await Promise.all(names.map((name) => stat(join(previous, name))));
  const device = await fileSystemOf(folder);
  return stats.reduce((sum, { dev, blocks }) => sum + (dev === device ? blocks * 512 : 0), 0);
}

/** Bytes that a folder can take without going into the reserve. */
export async function roomBytes({ box, config }: With<never>, folder: string): Promise<number> {
  return Math.max(0, (await box.freeBytes(folder)) - (await config()).values.reserve_bytes);
}

async function shortage({ box, config }: With<never>, { folder, bytes, inodes }: Need) {
  const { reserve_bytes } = (await config()).values;
  const [needed, free, freeInodes] = [bytes + reserve_bytes, await box.freeBytes(folder), await box.freeInodes(folder)];
  const inReserve = `${bytesText(reserve_bytes)} of them in reserve`;
  if (free < needed) return full(`${folder} needs ${bytesText(needed)} (${inReserve}), found ${bytesText(free)} free.`);
  if (freeInodes < inodes) return full(`${folder} needs ${inodes} more files, found room for ${freeInodes}.`);
  return undefined;
}

const full = (message: string) => new UpdateError('DISK_FULL', message);

async function byFileSystem(needs: readonly Need[]): Promise<Need[]> {
  const sums = new Map<number, Need>();
  for (const { folder, bytes, inodes } of needs) {
    const device = await fileSystemOf(folder);
    const sum = sums.get(device) ?? { folder, bytes: 0, inodes: 0 };
    sums.set(device, { ...sum, bytes: sum.bytes + bytes, inodes: sum.inodes + inodes });
  }
  return [...sums.values()];
}

async function fileSystemOf(path: string): Promise<number> {
  return (await exists(path)) ? (await stat(path)).dev : fileSystemOf(dirname(path));
}
