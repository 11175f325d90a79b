import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { signatureName, versionOfPackageName } from '../protocol/version.ts';

/** One package that is whole and may be handed out. */
export interface Listed {
  readonly version: number;
  /** Its signature is beside it. */
  readonly signed: boolean;
}

export interface UpdatesFolder {
  readonly dir: string;
  /**
   * The complete packages, oldest first, by number. A change in the folder shows in the next call, on file systems
   * that keep coarse times within `maxAgeMs`.
   * @throws the file system's error when the folder cannot be read
   */
  list(): Promise<readonly Listed[]>;
}

/** The old way to publish was to copy a file in by hand: without a signature it counts once it rests this long. */
export const settledAfterMs = 10_000;

const maxAgeMs = 1_000;

/** Two changes within one tick of the file system's clock leave the same time on the folder. */
const tickMs = 100;

/** Reads what is published, and keeps the answer for as long as the folder shows that nothing changed. */
export function updatesFolder(dir: string, nowMs: () => number): UpdatesFolder {
  let kept: { key: string; atMs: number; list: readonly Listed[] } | undefined;
  return {
    dir,
    async list() {
      const { ino, mtimeNs, mtimeMs } = await stat(dir, { bigint: true });
      const key = `${ino} ${mtimeNs}`;
      const atMs = nowMs();
      if (kept?.key === key && Math.abs(atMs - kept.atMs) < maxAgeMs) return kept.list;
      const list = await scan(dir, atMs);
      const settled = Math.abs(atMs - Number(mtimeMs)) > tickMs;
      // A file without a signature may be written to, which does not show in the time of the folder.
      const told = !list.unsignedSeen && settled;
      kept = told ? { key, atMs, list: list.complete } : undefined;
      return list.complete;
    },
  };
}

async function scan(dir: string, atMs: number): Promise<{ complete: readonly Listed[]; unsignedSeen: boolean }> {
  // Links, folders and devices are not files here; what has another name does not exist.
  const files = new Set((await readdir(dir, { withFileTypes: true })).filter((e) => e.isFile()).map((e) => e.name));
  const complete: Listed[] = [];
  let unsignedSeen = false;
  for (const name of files) {
    const version = versionOfPackageName(name);
    if (version === undefined) continue;
    const signed = files.has(signatureName(version));
    unsignedSeen ||= !signed;
    if (signed || (await isSettled(join(dir, name), atMs))) complete.push({ version, signed });
  }
  return { complete: complete.sort((a, b) => a.version - b.version), unsignedSeen };
}

/** A time in the future was set on purpose, after the last byte (`cp -p`, `rsync -t`): it counts as settled. */
async function isSettled(path: string, atMs: number): Promise<boolean> {
  try {
    return Math.abs(atMs - (await lstat(path)).mtimeMs) >= settledAfterMs;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false; // withdrawn since the folder was read
    throw error;
  }
}
