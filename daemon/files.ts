/** Files that must be whole or absent after a power cut. */
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UpdateError } from '../protocol/errors.ts';

/** Replaces a file: temp, fsync, rename, fsync of the folder. Readers see the old text or the new one. */
export async function writeFileSafely(path: string, text: string, mode = 0o600): Promise<void> {
  const temporary = `${path}.new`;
  await rm(temporary, { force: true });
  const file = await open(temporary, 'wx', mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await renameSafely(temporary, path);
}

/** A rename that a power cut cannot take back. */
export async function renameSafely(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncFolder(dirname(to));
  if (dirname(from) !== dirname(to)) await syncFolder(dirname(from));
}

export async function removeSafely(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
  await syncFolder(dirname(path));
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** The text of a file, or undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return false;
      throw error;
    },
  );
}

/**
 * Makes a folder private to this user, or proves that an existing one is.
 * @throws UpdateError UNSAFE_FOLDER for a link, another owner, or one that others may write to
 */
export async function privateFolder(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true }); // only the folder itself is private
  await mkdir(path, { recursive: true, mode: 0o700 });
  const stat = await lstat(path);
  const { uid, mode } = stat;
  const self = process.geteuid?.();
  if (!stat.isDirectory()) {
    throw new UpdateError('UNSAFE_FOLDER', `${path} should be a folder, found a link or file.`);
  }
  if (uid !== self) throw new UpdateError('UNSAFE_FOLDER', `${path} should belong to user ${self}, found ${uid}.`);
  if (mode & 0o022) {
    const found = (mode & 0o777).toString(8);
    throw new UpdateError('UNSAFE_FOLDER', `${path} should be writable by its owner only, found mode ${found}.`);
  }
}

/** Opens for reading, never through a link at the end of the path. */
export const openRegular = (path: string, flags = constants.O_RDONLY): Promise<FileHandle> =>
  open(path, flags | constants.O_NOFOLLOW);
