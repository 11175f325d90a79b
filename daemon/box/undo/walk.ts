import type { BigIntStats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';

export interface Found {
  readonly kind: 'f' | 'd' | 'l' | 'p' | 'c' | 'b';
  /** Below the root, as bytes: latin1. */
  readonly path: string;
  /** Where it is. */
  readonly at: Buffer;
  readonly stat: BigIntStats;
}

/** Everything in folders below `root`, a folder before what is in it; nothing of other file systems, no sockets. */
export async function* walk(root: string, paths: readonly string[]): AsyncGenerator<Found> {
  for (const path of paths) yield* below(Buffer.from(`${root.replace(/\/+$/, '')}/`).toString('latin1'), path);
}

async function* below(root: string, path: string, device?: bigint): AsyncGenerator<Found> {
  const at = Buffer.from(root + path, 'latin1');
  const stat = await ifThere(lstat(at, { bigint: true }));
  const kind = stat && kindOf(stat);
  if (!kind) return;
  yield { kind, path, at, stat };
  // What is mounted here is not in the copy either.
  if (kind !== 'd' || (device !== undefined && stat.dev !== device)) return;
  const names = (await ifThere(readdir(at, { encoding: 'buffer' }))) ?? [];
  for (const name of names.map((bytes) => bytes.toString('latin1')).sort()) {
    yield* below(root, `${path}/${name}`, stat.dev);
  }
}

function kindOf(stat: BigIntStats): Found['kind'] | undefined {
  if (stat.isFile()) return 'f';
  if (stat.isDirectory()) return 'd';
  if (stat.isSymbolicLink()) return 'l';
  if (stat.isFIFO()) return 'p';
  if (stat.isCharacterDevice()) return 'c';
  return stat.isBlockDevice() ? 'b' : undefined;
}

/** Services may remove files while they are looked at. */
const ifThere = <T>(work: Promise<T>): Promise<T | undefined> =>
  work.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
