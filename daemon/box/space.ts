import { statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { exists } from '../files.ts';

/** Space for this user on the file system of `path`, or of the nearest folder above that exists; bytes. */
export async function freeBytes(path: string): Promise<number> {
  if (!(await exists(path))) return freeBytes(dirname(path));
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

/** Bytes on disk of folders below `root`, by `du`; what does not exist takes none. */
export async function sizeOf(root: string, paths: readonly string[]): Promise<number> {
  const { execa } = await import('execa');
  const { stdout } = await execa(
    'du',
    ['--summarize', '--total', '--block-size=1', '--', ...paths.map((p) => join(root, p))],
    {
      reject: false,
      lines: true,
    },
  );
  return Number.parseInt(stdout.at(-1) ?? '', 10) || 0;
}
