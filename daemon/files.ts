/**
 * The daemon's one door to the disk, with its side door `files-at-once.ts`: all that it writes goes through here, and
 * nothing else may import what writes.
 * `...Safely`: whole or absent after a power cut, and there when the call returns. The others are for what lies in
 * memory, counts for nothing, or gets its name by a safe rename later.
 */
import { randomUUID } from 'node:crypto';
import { constants, writeFileSync } from 'node:fs';
import {
  chmod,
  copyFile,
  type FileHandle,
  link as linkNow,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { UpdateError } from '../protocol/errors.ts';

/** Replaces a file: temp, fsync, rename, fsync of the folder. Readers see the old text or the new one. */
export async function writeFileSafely(path: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  // A name of its own: of two who write at once, one must not rename what the other has half written.
  const temporary = `${path}.${randomUUID().slice(0, 8)}.new`;
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await renameSafely(temporary, path);
  } catch (error) {
    await remove(temporary);
    throw error;
  }
}

/**
 * Removes what a power cut left of `writeFileSafely`, of the guard's writing and of `removeSafely`; only before
 * anybody writes in that folder.
 */
export async function removeUnfinished(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => /\.(new|removed)$/.test(name));
  for (const name of names) await remove(join(folder, name));
}

/** A rename that a power cut cannot take back. */
export async function renameSafely(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncFolder(dirname(to));
  if (dirname(from) !== dirname(to)) await syncFolder(dirname(from));
}

/** The same for a file, also to another mount, as which a unit of systemd may see the state of the updater. */
export async function moveSafely(from: string, to: string): Promise<void> {
  const making = `${to}.new`;
  try {
    await renameSafely(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    await copyFile(from, making);
    await syncFile(making);
    await renameSafely(making, to);
    await remove(from);
  } finally {
    await remove(making);
  }
}

/** Removes a file, or a folder as a whole: what a power cut leaves of it has a name that counts for nothing. */
export async function removeSafely(path: string): Promise<void> {
  if (!(await exists(path))) return;
  const removed = `${path}.removed`;
  await remove(removed);
  await renameSafely(path, removed);
  await remove(removed);
}

/** Adds to the end of a file. @returns its size in bytes */
export async function appendSafely(path: string, text: string): Promise<number> {
  const file = await open(path, 'a', 0o600);
  try {
    await file.write(text);
    await file.sync();
    const { size } = await file.stat();
    if (size === text.length) await syncFolder(dirname(path));
    return size;
  } finally {
    await file.close();
  }
}

/** Has a link lead somewhere else. */
export async function linkSafely(path: string, to: string): Promise<void> {
  const making = `${path}.new`;
  await remove(making);
  await symlink(to, making);
  await renameSafely(making, path);
}

/** What is in it is on the disk; its name may not be. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Copies a folder: on the disk when it returns, but for its name; readable by all. */
export async function copySynced(from: string, to: string): Promise<void> {
  await makeFolder(to);
  await setMode(to, 0o755);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copySynced(source, target);
    else {
      await copyFile(source, target);
      await setMode(target, 0o644);
      await syncFile(target);
    }
  }
  await syncFolder(to);
}

/** A file, or a folder with all that is in it, if it is there. */
export const remove = (path: string | Buffer): Promise<void> => rm(path, { recursive: true, force: true });

export const write = (path: string, text: string, mode = 0o644): Promise<void> => writeFile(path, text, { mode });

/** The same at once, for what lies in memory: a thread for it would wake the processor three times more. */
export const writeNow = (path: string, text: string): void => writeFileSync(path, text, { mode: 0o644 });

/** A second name for a file, in place of whatever has it. */
export async function link(path: string, also: string): Promise<void> {
  await remove(also);
  await linkNow(path, also);
}

export const move = (from: string, to: string): Promise<void> => rename(from, to);

/** Never through a link that took its place meanwhile, nor waiting for who writes to a pipe. */
export const openToRead = (path: string | Buffer): Promise<FileHandle> =>
  open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);

/** A file that was not there, to be read and written. */
export const create = (path: string): Promise<FileHandle> =>
  open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);

/** A folder and those above it, unless they are there. @returns the highest that was missing */
export const makeFolder = (path: string, mode = 0o777): Promise<string | undefined> =>
  mkdir(path, { recursive: true, mode });

export const setMode = (path: string, mode: number): Promise<void> => chmod(path, mode);

/** Makes a folder, and those above it that are missing, so that a power cut does not take them away again. */
async function makeFolderSafely(path: string, mode = 0o777): Promise<void> {
  const highest = await makeFolder(path, mode);
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

/** The same of what can be done without: a file that the disk cannot read any more is as good as none. */
export const readIfReadable = (path: string): Promise<string | undefined> => readIfThere(path).catch(() => undefined);

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
  await makeFolderSafely(dirname(path)); // only the folder itself is private
  if (!(await exists(path))) await makeFolderSafely(path, 0o700);
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
