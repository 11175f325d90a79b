/**
 * The versions of the updater that releases brought: side by side in /opt/opq-updater, with `current` as a link to the
 * one in use. What systemd/start.sh makes of them is said there; the factory copy is never touched.
 */
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UpdateError } from '../../protocol/errors.ts';
import { updaterProgram, updatersFolder, updaterVersionPattern } from '../../protocol/updater.ts';
import { quote } from '../../protocol/version.ts';
import {
  copySynced,
  exists,
  linkSafely,
  makeFolder,
  privateFolder,
  readIfThere,
  remove,
  removeSafely,
  renameSafely,
  setMode,
  syncFolder,
} from '../files.ts';
import { saidVersion } from './said-version.ts';

const folderOf = (root: string, version = '') => join(root, updatersFolder, version);
const linkIn = (root: string) => join(root, updatersFolder, 'current');

/** The version that `current` leads to, where start.sh would start it; undefined = the factory copy is in use. */
export async function updaterInUse(root: string): Promise<string | undefined> {
  const version = await linkedUpdater(root);
  return version !== undefined && (await isUsable(folderOf(root, version))) ? version : undefined;
}

/** The version that `current` leads to, usable or not. */
export async function linkedUpdater(root: string): Promise<string | undefined> {
  const version = await readlink(linkIn(root)).catch(() => ''); // no link: the factory copy
  return updaterVersionPattern.test(version) ? version : undefined;
}

async function isUsable(folder: string): Promise<boolean> {
  const program = await lstat(join(folder, updaterProgram)).catch(() => undefined); // what is not there is not usable
  return program?.isFile() === true && (await lstat(folder)).isDirectory() && !(await exists(join(folder, 'bad')));
}

/**
 * Lays a version beside those that are there, whole or not at all, and has its program say its version once.
 * Nothing uses it before `useUpdater`.
 * @param from folder with the program and what belongs to it
 * @throws UpdateError UPDATER_BROKEN
 */
export async function layUpdater(root: string, version: string, from: string): Promise<void> {
  const folder = folderOf(root, version);
  if (!(await isCopy(from, folder))) {
    // It could not be put back.
    if ((await updaterInUse(root)) === version) throw broken(version, 'is in use here with other content');
    if (await makeFolder(folderOf(root))) await setMode(folderOf(root), 0o755);
    await privateFolder(folderOf(root));
    await syncFolder(dirname(folderOf(root)));
    const making = `${folder}.new`;
    await remove(making);
    await copySynced(from, making);
    await removeSafely(folder);
    await renameSafely(making, folder);
  }
  const said = await saidVersion(join(folder, updaterProgram));
  if (said !== version) throw broken(version, `should say its version, found ${quote(said)}`);
}

/**
 * Has `current` lead to a version that was laid, by one rename.
 * @returns false when it did already
 * @throws UpdateError UPDATER_BROKEN
 */
export async function useUpdater(root: string, version: string): Promise<boolean> {
  if (!(await isUsable(folderOf(root, version)))) throw broken(version, 'should be there, found none to start');
  if ((await linkedUpdater(root)) === version) return false;
  await linkSafely(linkIn(root), version);
  return true;
}

/** Removes all versions but these and the one that `current` leads to; one marked bad is only kept as that. */
export async function removeOtherUpdaters(root: string, keep: readonly (string | undefined)[]): Promise<void> {
  const names = await readdir(folderOf(root)).catch(() => [] as string[]); // no release has brought one yet
  const kept = ['current', await linkedUpdater(root), ...keep];
  for (const name of names.filter((one) => !kept.includes(one))) await removeSafely(folderOf(root, name));
}

/** The version that was in use when a snapshot was made; undefined = the factory copy, or nobody knows. */
export async function updaterInSnapshot(snapshot: string): Promise<string | undefined> {
  return (await readIfThere(join(snapshot, 'updater')))?.trim() || undefined;
}

const broken = (version: string, what: string) =>
  new UpdateError('UPDATER_BROKEN', `Version ${version} of the updater, which the release brings, ${what}.`);

/** True when both folders have the same files with the same bytes: a mark makes them differ. */
async function isCopy(from: string, to: string): Promise<boolean> {
  if (!(await exists(to))) return false;
  const [names, others] = [await namesIn(from), await namesIn(to)];
  if (names.join('\0') !== others.join('\0')) return false;
  for (const name of names) {
    if (!(await readFile(join(from, name))).equals(await readFile(join(to, name)))) return false;
  }
  return true;
}

/** The files below a folder. */
async function namesIn(folder: string, prefix = ''): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await readdir(join(folder, prefix), { withFileTypes: true })) {
    const name = join(prefix, entry.name);
    names.push(...(entry.isDirectory() ? await namesIn(folder, name) : [name]));
  }
  return names.sort();
}
