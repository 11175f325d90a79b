import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { checkRawDisk } from '../disk.ts';
import { readTree, type Tree, updatable } from '../tree.ts';

const run = promisify(execFile);

/**
 * Mounts a disk in a folder of ours, which replays its journal as a boot does, and sees afterwards that the file system
 * is sound.
 * @param disk is changed
 */
export async function withMounted<T>(disk: string, folder: string, use: () => Promise<T>): Promise<T> {
  mkdirSync(folder, { recursive: true });
  await run('mount', ['-o', 'loop,noatime,nodev', disk, folder]);
  let result: T;
  try {
    result = await use();
  } finally {
    unmount(folder);
  }
  const { sound, report } = await checkRawDisk(disk);
  if (!sound) throw new Error(`The file system is not sound: ${report}`);
  return result;
}

/** Whatever happened: nothing stays mounted. */
export function unmount(folder: string): void {
  try {
    execFileSync('umount', [folder], { stdio: 'pipe' });
  } catch {
    // A box that did not come to rest may still have a file open.
    execFileSync('umount', ['--lazy', folder]);
  }
}

/** What an update may change, as the box would tell of it. */
export const treeIn = (root: string): Promise<Tree> =>
  readTree(
    {
      async ok(script) {
        // Half-way a folder may be missing, of which `find` complains.
        const all = `${script}; true`;
        const { stdout } = await run('bash', ['-c', all], { maxBuffer: 64 * 1024 * 1024 });
        return stdout.replaceAll(`${root}/`, '/');
      },
    },
    updatable.map((folder) => root + folder),
  );
