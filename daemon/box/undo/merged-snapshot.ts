import { basename } from 'node:path';
import { makeFolder, remove, removeSafely, renameSafely } from '../../files.ts';
import { archiveFault, makeSnapshot, pathsOf, readAbout, unpackSnapshot, wholeTruth } from '../snapshot.ts';
import { updaterInSnapshot } from '../updater.ts';
import { type Image, isFolder, pathBytes } from './image.ts';
import type { Plan } from './plan.ts';

/**
 * Makes the snapshot that an undo puts back: the earlier bytes of what the update changed, the present ones of all
 * else. As it is a snapshot like any other, cuts, guard and restore are those of every undo.
 * @param folder of the snapshot from before the update
 * @param into where the new one goes; replaced if it exists
 */
export async function mergeSnapshot(
  root: string,
  folder: string,
  { merged, before }: { merged: Plan['merged']; before: Image },
  into: string,
): Promise<void> {
  const staging = `${into}.staging`;
  await remove(staging);
  await makeFolder(staging, 0o700);
  await unpackSnapshot(folder, staging);
  const gone: string[] = [];
  for (const [path, look] of before) {
    const now = merged.get(path);
    if (now && (now.from === 'before' || (isFolder(look) && isFolder(now.look)))) continue;
    gone.push(path);
    await remove(Buffer.concat([Buffer.from(`${staging}/`), pathBytes(path)]));
  }
  const laid = [...merged].filter(([, { from }]) => from === 'now').map(([path]) => path);
  await copyPaths(root, staging, laid);
  await timeFolders(staging, merged, [...gone, ...laid]);
  const { format: _, ...about } = await readAbout(folder);
  await makeSnapshot(staging, into, await pathsOf(folder), about, updaterInSnapshot(folder));
  await removeSafely(staging);
}

/** Copies what may still be wanted before the undo takes it away; done again it is the same. */
export async function keepAside(root: string, into: string, paths: readonly string[]): Promise<void> {
  const making = `${into}.making`;
  await remove(making);
  await makeFolder(making, 0o700);
  await copyPaths(root, making, paths);
  const { execa } = await import('execa');
  await execa('sync', ['--file-system', making]);
  await remove(into);
  await renameSafely(making, into);
}

/** Copies paths as they are, folders without what is in them, from one tree into another. */
async function copyPaths(from: string, to: string, paths: readonly string[]): Promise<void> {
  if (paths.length === 0) return;
  const { execa } = await import('execa');
  const names = Buffer.concat(paths.flatMap((path) => [pathBytes(path), Buffer.of(0)]));
  const list = ['--no-recursion', '--null', '--no-unquote', '--files-from=-'];
  const create = ['--create', '--format=posix', '--sparse', ...wholeTruth, `--directory=${from}`, ...list];
  const extract = ['--extract', '--preserve-permissions', ...wholeTruth, `--directory=${to}`];
  // It goes from the one to the other, not into the memory of this process.
  const packing = execa('tar', create, { input: names, reject: false, buffer: { stdout: false } });
  const unpacked = await packing.pipe('tar', extract, { reject: false });
  const packed = await packing;
  // 1: a file changed while it was read, by somebody who goes on writing.
  if (unpacked.exitCode !== 0 || (packed.exitCode ?? 2) > 1) {
    throw archiveFault(`${unpacked.stderr}${packed.stderr}`, `What is kept in ${basename(to)} could not be copied`);
  }
}

/** Folders in which something came or went have the time of that: they get back what they had. */
async function timeFolders(staging: string, merged: Plan['merged'], touched: readonly string[]): Promise<void> {
  const folders = new Set(touched.flatMap((path) => [path, path.slice(0, Math.max(0, path.lastIndexOf('/')))]));
  const input = [...folders].flatMap((path) => {
    const look = merged.get(path)?.look;
    if (!look || !isFolder(look)) return [];
    return [Buffer.from(`--date=@${secondsText(look.mtimeNs)}\0./`), pathBytes(path), Buffer.of(0)];
  });
  if (input.length === 0) return;
  const { execa } = await import('execa');
  // Through xargs, as a name need not be text.
  const args = ['--null', '--max-args=2', 'touch', '--no-create'];
  await execa('xargs', args, { cwd: staging, input: Buffer.concat(input) });
}

/** `1500000123` -> `1.500000123`; a box without a clock may well be in 1969. */
function secondsText(ns: string): string {
  const [, sign, digits = ''] = /^(-?)(\d+)$/.exec(ns) ?? [];
  const padded = digits.padStart(10, '0');
  return `${sign}${padded.slice(0, -9)}.${padded.slice(-9)}`;
}
