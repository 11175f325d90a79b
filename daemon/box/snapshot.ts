import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { UpdateError } from '../../protocol/errors.ts';
import restoreProgram from '../../systemd/restore.sh';
import { exists, makeFolder, readIfReadable, remove, renameSafely, syncFile, syncFolder, write } from '../files.ts';
import { imagePath, writeImage } from './undo/image.ts';
import { updaterInUse } from './updater.ts';

/** Undoes to files what `--preserve-permissions` and the like would otherwise lose; see systemd/restore.sh. */
export const wholeTruth = ['--numeric-owner', '--xattrs', '--xattrs-include=*', '--acls', '--no-selinux'];

/**
 * Copies folders below `root` into a self-describing snapshot: made under another name, hashed, fsynced, renamed.
 * The guard puts it back with the restore program of the .deb, which no release replaces: what is added here must be
 * something that an older restore program may pass over.
 * @param folder replaced if it exists
 * @param paths as the box sees them, absolute
 * @throws UpdateError DISK_FULL, DISK_FAILED
 */
export async function makeSnapshot(
  root: string,
  folder: string,
  paths: readonly string[],
  about: Readonly<Record<string, string | number>>,
  updater: Promise<string | undefined> = updaterInUse(root),
): Promise<void> {
  const making = `${folder}.making`;
  await remove(making);
  await makeFolder(making, 0o700);
  const below = paths.map((path) => relative('/', path));
  const there = await Promise.all(below.map((path) => exists(join(root, path))));
  const folders = below.filter((_, i) => there[i]);
  await write(join(making, 'folders'), lines(folders));
  await write(join(making, 'absent'), lines(below.filter((_, i) => !there[i])));
  await write(
    join(making, 'about'),
    lines(Object.entries({ format: 1, ...about }).map(([key, value]) => `${key}=${value}`)),
  );
  // By name alone: the versions themselves stay where they are.
  await write(join(making, 'updater'), lines([(await updater) ?? '']));
  // With no names GNU tar refuses to make an archive; an empty list of names is one without entries.
  await tar(['--create', '--format=posix', '--sparse', '--one-file-system', ...wholeTruth], root, making, [
    '--no-unquote',
    '--verbatim-files-from',
    `--files-from=${join(making, 'folders')}`,
  ]);
  // After the archive: where the two differ the tree has changed since, which `snapshotHolds` finds out.
  await writeImage(root, folders.map(imagePath), join(making, 'before'));
  const names = ['tree.tar', 'folders', 'absent', 'about', 'before', 'updater'];
  const sums = await Promise.all(names.map(async (name) => `${await sha256(join(making, name))}  ${name}`));
  await write(join(making, 'SHA256SUMS'), lines(sums));
  await Promise.all([...names, 'SHA256SUMS'].map((name) => syncFile(join(making, name))));
  await syncFolder(making);
  await remove(folder);
  await renameSafely(making, folder);
}

/** True when the folders on the box are still what the snapshot holds, and nothing was added. */
export async function snapshotHolds(root: string, folder: string): Promise<boolean> {
  const compare = await tar(['--compare', ...wholeTruth], root, folder, []);
  if (compare.exitCode !== 0) return false;
  // `--compare` does not see what has been added since.
  const inSnapshot = await countNames(root, ['--list', `--file=${join(folder, 'tree.tar')}`]);
  const names = ['--no-unquote', '--verbatim-files-from', `--files-from=${join(folder, 'folders')}`];
  const onBox = await countNames(root, ['--create', '--one-file-system', '--verbose', '--file=/dev/null', ...names]);
  return inSnapshot !== undefined && inSnapshot === onBox;
}

/** How many names a call of tar lists, or undefined when it fails. */
async function countNames(root: string, args: string[]): Promise<number | undefined> {
  const { execa } = await import('execa');
  const { exitCode, stdout } = await execa('tar', [...args, '--quoting-style=escape'], {
    cwd: root,
    lines: true,
    reject: false,
  });
  return exitCode === 0 ? stdout.length : undefined;
}

/** Unpacks what a snapshot holds into an empty folder. @throws UpdateError DISK_FULL, DISK_FAILED */
export async function unpackSnapshot(folder: string, into: string): Promise<void> {
  await tar(['--extract', '--preserve-permissions', ...wholeTruth], into, folder, []);
}

/** The folders that a snapshot is of, those that did not exist included; as the box sees them. */
export async function pathsOf(folder: string): Promise<string[]> {
  const lists = await Promise.all(['folders', 'absent'].map((name) => readFile(join(folder, name), 'utf8')));
  return lists.flatMap((text) => text.split('\n').filter(Boolean)).map((path) => `/${path}`);
}

/** True when every byte of the snapshot is as it was when it was made. */
export async function snapshotIntact(folder: string): Promise<boolean> {
  const { execa } = await import('execa');
  const { exitCode } = await execa('sha256sum', ['--check', '--status', 'SHA256SUMS'], { cwd: folder, reject: false });
  return exitCode === 0;
}

/**
 * Puts a snapshot back by the restore program, the same one that the guard calls.
 * @throws UpdateError SNAPSHOT_DAMAGED (nothing was touched), RESTORE_FAILED
 */
export async function restoreSnapshot(root: string, folder: string): Promise<void> {
  const { execa } = await import('execa');
  // Not from a file: it may be a full disk that is to be put right.
  const { exitCode, stderr } = await execa('sh', ['-c', restoreProgram, 'restore.sh', folder, root], { reject: false });
  if (exitCode === 0) return;
  const code = exitCode === 3 ? 'SNAPSHOT_DAMAGED' : 'RESTORE_FAILED';
  throw new UpdateError(code, `The earlier release could not be put back: ${stderr.trim() || `exit ${exitCode}`}`);
}

async function tar(args: string[], root: string, folder: string, last: string[]) {
  const { execa } = await import('execa');
  const file = join(folder, 'tree.tar');
  const result = await execa('tar', [...args, `--file=${file}`, `--directory=${root}`, ...last], {
    reject: false,
    env: { LC_ALL: 'C' },
    // A comparison of a changed tree prints a line a file.
    stdout: 'ignore',
  });
  // 1 from --create: a file changed while it was read; `stop` looks again once the services are down.
  if (args[0] === '--compare' || (result.exitCode ?? 2) <= 1) return result;
  const what = args[0] === '--create' ? 'made' : 'unpacked';
  throw archiveFault(result.stderr, `The snapshot in ${basename(folder)} could not be ${what}`);
}

/** What tar means by its last words. */
export function archiveFault(stderr: string, what: string): UpdateError {
  const code = /No space left|Disk quota|Wrote only/.test(stderr) ? 'DISK_FULL' : 'DISK_FAILED';
  return new UpdateError(code, `${what}: ${stderr.slice(-300)}`);
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}

/**
 * What a snapshot says of itself: `key=value` lines, which the guard reads too. One that the disk cannot read says
 * nothing; whether it is whole, its hash decides.
 */
export async function readAbout(folder: string): Promise<Record<string, string>> {
  const text = (await readIfReadable(join(folder, 'about'))) ?? '';
  return Object.fromEntries(
    text.split('\n').flatMap((line) => [...line.matchAll(/^(\w+)=(.*)$/g)].map(([, k, v]) => [k, v])),
  );
}

const lines = (texts: readonly string[]): string => texts.map((text) => `${text}\n`).join('');
