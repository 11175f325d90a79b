import { randomBytes } from 'node:crypto';
import { chmod, type FileHandle, lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

/**
 * Makes a file appear whole or not at all, also across a power cut: temp, fsync, rename, fsync of the folder.
 * The name of the temp begins with a dot: no server and no verb of ours ever takes it for a file of a release.
 * @param fill writes the content; whatever it throws, the name stays as it was
 */
export async function putFile<T>(path: string, fill: (temp: FileHandle) => Promise<T>): Promise<T> {
  const folder = dirname(path);
  const temp = join(folder, `.${basename(path)}.${randomBytes(6).toString('hex')}`);
  const file = await open(temp, 'wx');
  let result: T;
  try {
    result = await fill(file);
    // Published files are for everybody, whatever the umask of the publisher.
    await file.chmod(0o644);
    await file.sync();
    await rename(temp, path);
  } catch (error) {
    await rm(temp, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  await syncFolder(folder);
  return result;
}

export const putText = (path: string, text: string): Promise<void> => putFile(path, (temp) => temp.writeFile(text));

/** A folder that is served: what is made of its path is for everybody, whatever the umask; what was there stays. */
export async function makePublicFolder(path: string): Promise<void> {
  const folder = resolve(path);
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) await chmod(made, 0o755);
}

/** Makes new and removed names in a folder last; of a file, its content. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  await folder.sync().finally(() => folder.close());
}

/** Makes a folder last with all that is in it. */
export async function syncTree(path: string): Promise<void> {
  for (const name of await readdir(path, { recursive: true })) await syncFolder(join(path, name));
  await syncFolder(path);
}

/** Whether there is anything under this name. */
export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
