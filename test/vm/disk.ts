import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A disk that begins as a copy of another and holds only what becomes different: made in no time, a few MB. */
export async function makeOverlay(disk: string, over: string): Promise<void> {
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', over, disk]);
}

/** How the file system lies on the disk of a machine that is off. */
export interface Checked {
  /** True: nothing is left to mend once the journal was replayed, as mounting does. */
  readonly sound: boolean;
  readonly report: string;
}

/** Checks a copy; the disk itself stays as the power cut left it. */
export async function checkFileSystem(disk: string): Promise<Checked> {
  return withRawCopy(disk, checkRawDisk);
}

/** The same of a file that nobody needs afterwards: it is changed. */
export async function checkRawDisk(raw: string): Promise<Checked> {
  await e2fsck(['-E', 'journal_only', '-y', raw]);
  return e2fsck(['-f', '-n', raw]);
}

/** Copies a folder out of the disk of a machine that is off. */
export async function copyOut(disk: string, folder: string, to: string): Promise<void> {
  await withRawCopy(disk, async (copy) => {
    await e2fsck(['-E', 'journal_only', '-y', copy]);
    await run('debugfs', ['-R', `rdump ${folder} ${to}`, copy]);
  });
}

async function withRawCopy<T>(disk: string, use: (copy: string) => Promise<T>): Promise<T> {
  const copy = `${disk}.raw`;
  try {
    await run('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', disk, copy]);
    return await use(copy);
  } finally {
    await rm(copy, { force: true });
  }
}

async function e2fsck(args: readonly string[]): Promise<Checked> {
  try {
    return { sound: true, report: (await run('e2fsck', args)).stdout };
  } catch (error) {
    // Any other end than 0: there is something to mend, or it could not be looked at.
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    return { sound: false, report: `${stdout}${stderr}` };
  }
}
