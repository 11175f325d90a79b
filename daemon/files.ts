/** Files that must be whole or absent after a power cut. */
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { UpdateError } from '../protocol/errors.ts';

/** Replaces a file: temp, fsync, rename, fsync of the folder. Readers see the old text or the new one. */
export async function writeFileSafely(path: string, text: string, mode = 0o600): Promise<void> {
  // A name of its own: of two who write at once, one must not rename what the other has half written.
  const temporary = `${path}.${randomUUID().slice(0, 8)}.new`;
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await renameSafely(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * Removes what a power cut left of `writeFileSafely`, of the guard's writing and of `removeSafely`; only before
 * anybody writes in that folder.
 */
export async function removeUnfinished(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => /\.(new|removed)$/.test(name));
  for (const name of names) await rm(join(folder, name), { recursive: true, force: true });
}

/** A rename that a power cut cannot take back. */
export async function renameSafely(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncFolder(dirname(to));
  if (dirname(from) !== dirname(to)) await syncFolder(dirname(from));
}

/** Removes a file, or a folder as a whole: what a power cut leaves of it has a name that counts for nothing. */
export async function removeSafely(path: string): Promise<void> {
  if (!(await exists(path))) return;
  const removed = `${path}.removed`;
  await rm(removed, { recursive: true, force: true });
  await renameSafely(path, removed);
  await rm(removed, { recursive: true, force: true });
}

/** Makes a folder, and those above it that are missing, so that a power cut does not take them away again. */
async function makeFolder(path: string, mode = 0o777): Promise<void> {
  const highest = await mkdir(path, { recursive: true, mode });
  if (highest === undefined) return;
  for (let above = dirname(path); above.length >= dirname(highest).length; above = dirname(above)) {
    await syncFolder(above);
    if (above === dirname(above)) return;
  }
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
export async function privateFolder(folder: string): Promise<void> {
  const path = resolve(folder); // with a slash at its end, lstat would look through a link
  await makeFolder(dirname(path)); // only the folder itself is private
  if (!(await exists(path))) await makeFolder(path, 0o700);
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

/**
 * Opens a plain file, for reading unless told otherwise, never through a link at the end of the path.
 * @throws UpdateError UNSAFE_FOLDER for a link, a folder, a pipe or a device
 */
export async function openRegular(path: string, flags = constants.O_RDONLY): Promise<FileHandle> {
  const unsafe = () => new UpdateError('UNSAFE_FOLDER', `${path} should be a plain file, found something else.`);
  // Without O_NONBLOCK a pipe that nobody writes to would be waited for.
  const file = await open(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch((error) => {
    throw ['ELOOP', 'EISDIR', 'ENXIO'].includes(error.code) ? unsafe() : error;
  });
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw unsafe();
}
