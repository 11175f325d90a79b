import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../protocol/config-keys.ts';
import { UpdateError } from '../protocol/errors.ts';
import { exists } from './files.ts';

/** Folders that hold what an undo could not put back, or what must outlive one; a folder above or below is as bad. */
const neverBelow = [
  ...['/boot', '/lib/modules', '/usr/lib/modules', '/var/lib/dpkg', '/proc', '/sys', '/dev', '/run'],
  // What the undo and its guard are made of, and what starts them: the folder is gone for a moment when it is put back.
  ...['/bin', '/sbin', '/lib', '/lib64', '/usr/bin', '/usr/sbin', '/usr/lib64', '/usr/lib/systemd'],
];
/** Debian's libraries, of which the C library is one: `/usr/lib/aarch64-linux-gnu`. */
const libraries = /^\/usr\/lib\/[^/]+-linux-[^/]+(\/|$)/;
const ours = [
  '/var/lib/opq-updater',
  '/var/lib/opq-updater-ui',
  '/etc/opq-updater',
  '/usr/lib/opq-box-updater',
  '/opt/opq-updater',
];
/** Too large to copy, and full of what others own. */
const neverItself = ['/', '/usr', '/usr/local', '/etc', '/var', '/usr/lib', '/home', '/root', '/opt'];

/**
 * The folders that a release may write: exactly those are copied before, and put back if need be.
 * @throws UpdateError PATH_NOT_UNDOABLE
 */
export function undoablePaths(config: Config, asked: readonly string[]): string[] {
  const { download_dir_path, trusted_keys_path, builder_keys_path, tuf_root_path } = config;
  const theirs = [download_dir_path, trusted_keys_path, builder_keys_path, tuf_root_path];
  const forbidden = [...neverBelow, ...ours, ...theirs].map(clean);
  const all = [...config.writable_paths, ...asked].map(clean);
  for (const path of all) {
    const clash = forbidden.find((other) => isWithin(path, other) || isWithin(other, path));
    if (clash !== undefined || neverItself.includes(path) || path.startsWith('/boot') || libraries.test(path)) {
      const why = clash === undefined || clash === path ? 'it' : clash;
      throw new UpdateError(
        'PATH_NOT_UNDOABLE',
        `${path} may not be written by a release: ${why} could not be put back.`,
      );
    }
  }
  // A folder inside another one is copied with it.
  return [...new Set(all)].filter((path) => !all.some((other) => other !== path && isWithin(path, other))).sort();
}

/** @see proc(5): the fifth field, with blanks and the like as octal escapes */
const mountPoints = (mountinfo: string): string[] =>
  mountinfo
    .split('\n')
    .flatMap(
      (line) =>
        line.split(' ')[4]?.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))) ??
        [],
    );

/**
 * A link in a path would have the copy made of one folder and the script write to another; what is mounted on or in
 * one is not in the copy and could not be renamed.
 * @throws UpdateError PATH_NOT_UNDOABLE
 */
export async function refuseDetours(root: string, paths: readonly string[]): Promise<void> {
  const real = await realpath(root);
  const mounts = mountPoints(await readFile('/proc/self/mountinfo', 'utf8'));
  for (const path of paths) {
    const place = join(real, path);
    const leads = (await exists(place)) ? await realpath(place) : place;
    const mount = mounts.find((mounted) => isWithin(mounted, place));
    const why = leads !== place ? `it leads to ${leads}` : mount && `${mount} is another file system`;
    if (why) throw new UpdateError('PATH_NOT_UNDOABLE', `${path} may not be written by a release: ${why}.`);
  }
}

const clean = (path: string): string => path.replace(/\/+$/, '') || '/';
const isWithin = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(`${folder === '/' ? '' : folder}/`);
