import { statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { exists } from '../files.ts';

/** Space for this user on the file system of `path`, or of the nearest folder above that exists; bytes. */
export async function freeBytes(path: string): Promise<number> {
  if (!(await exists(path))) return freeBytes(dirname(path));
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

/** Files that fit on the file system of `path`; those that make them as they need them say 0 of 0. */
export async function freeInodes(path: string): Promise<number> {
  if (!(await exists(path))) return freeInodes(dirname(path));
  const { files, ffree } = await statfs(path);
  return files === 0 ? Number.POSITIVE_INFINITY : ffree;
}

/** What folders below `root` take, by `du`: bytes on disk and inodes; what does not exist takes none. */
export async function sizeOf(root: string, paths: readonly string[]): Promise<{ bytes: number; inodes: number }> {
  const { execa } = await import('execa');
  const measure = async (unit: string) => {
    const places = paths.map((path) => join(root, path));
    const { stdout } = await execa('du', ['--summarize', '--total', unit, '--', ...places], {
      reject: false,
      lines: true,
    });
    return Number.parseInt(stdout.at(-1) ?? '', 10) || 0;
  };
  return { bytes: await measure('--block-size=1'), inodes: await measure('--inodes') };
}
