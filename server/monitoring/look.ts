import { lstat, readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { packageName } from '../../protocol/version.ts';
import type { BuildNumbers } from '../attended/tally.ts';
import { health } from '../health.ts';
import type { UpdatesFolder } from '../updates-folder.ts';
import type { Traffic } from './traffic.ts';

/** Where the numbers come from. */
export interface Sources {
  readonly traffic: Traffic;
  readonly folder: UpdatesFolder;
  readonly nowMs: () => number;
  /** Absent: there are no builds on demand. */
  readonly builds: (() => Promise<BuildNumbers>) | undefined;
}

/** What one look at the server found. */
export interface Seen {
  readonly traffic: Traffic;
  /** Part of the health document, in small letters, to whether it is well. */
  readonly health: Readonly<Record<string, boolean>>;
  /** Number of packages; nothing while the folder cannot be read. */
  readonly packages: Partial<Record<'signed' | 'unsigned' | 'left_out', number>>;
  readonly newest: { readonly version: number; readonly signed: boolean; readonly changedS: number } | undefined;
  readonly disks: Readonly<Record<string, { readonly freeBytes: number; readonly sizeBytes: number }>>;
  readonly builds: BuildNumbers | undefined;
}

/** Reads what is not counted as it happens. A folder that cannot be read is not asked for more. */
export async function look({ traffic, folder, nowMs, builds: countBuilds }: Sources): Promise<Seen> {
  const { subcomponents } = await health(folder, nowMs);
  const parts: Record<string, boolean> = {};
  for (const { name, ok } of subcomponents) parts[name.toLowerCase().replaceAll(' ', '_')] = ok;
  const readable = parts.updates_folder === true;
  const found = readable ? await lookInto(folder) : { packages: {}, newest: undefined };
  const builds = await countBuilds?.();
  const folders = { ...(readable && { updates: folder.dir }), ...(builds && { cache: builds.cacheDir }) };
  const disks = await Promise.all(Object.entries(folders).map(async ([name, dir]) => [name, await diskOf(dir)]));
  return { traffic, health: parts, ...found, disks: Object.fromEntries(disks), builds };
}

async function lookInto(folder: UpdatesFolder): Promise<Pick<Seen, 'packages' | 'newest'>> {
  const list = await folder.list();
  const signed = list.filter((listed) => listed.signed).length;
  const served = new Set(list.map(({ version }) => packageName(version)));
  // Links, wrong names, and what is still being copied.
  const alike = (await readdir(folder.dir)).filter((name) => name.includes('.tar.bz2') && !name.endsWith('.sig'));
  const packages = {
    signed,
    unsigned: list.length - signed,
    left_out: alike.filter((name) => !served.has(name)).length,
  };
  const last = list.at(-1);
  if (last === undefined) return { packages, newest: undefined };
  const { mtimeMs } = await lstat(join(folder.dir, packageName(last.version)));
  return { packages, newest: { ...last, changedS: mtimeMs / 1000 } };
}

async function diskOf(dir: string): Promise<Seen['disks'][string]> {
  const { bavail, blocks, bsize } = await statfs(dir);
  return { freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
}
