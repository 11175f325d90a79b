/**
 * The updater as a part of a release. A box has the factory copy, which the .deb owns, and beside it the versions that
 * releases brought; systemd/start.sh starts the one that `current` leads to, else the factory copy.
 */
import { dirname } from 'node:path/posix';

/** Folder of the factory copy on a box. */
const factoryFolder = '/usr/lib/opq-box-updater';
/** Folder on a box with a folder for each version that a release brought, and the link `current`. */
export const updatersFolder = '/opt/opq-updater';
/** The program in each of these folders. Every version of it answers `--version --json` with `{"version": ...}`. */
export const updaterProgram = 'opq-updater.js';

/** `1.3.0`, `1.3.0-rc.1`: names a folder, too, and dpkg compares it as we do (a dash is written `~` there). */
export const updaterVersionPattern =
  /^(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})(?:-([a-z]{1,16})(?:\.(0|[1-9]\d{0,5}))?)?$/;

/** A folder below the top folder of a package. */
export const updaterPathPattern = /^(?=.{1,200}$)[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;

/** True when version `a` of the updater is newer than `b`; `1.3.0-rc.1` comes before `1.3.0`. */
export function isNewerUpdater(a: string, b: string): boolean {
  const [newer, older] = [rank(a), rank(b)];
  const differs = newer.findIndex((part, i) => part !== older[i]);
  return differs >= 0 && newer[differs]! > older[differs]!;
}

/** Comparable part by part; a version that is none comes before all. */
function rank(version: string): (number | string)[] {
  const [, major = -1, minor = 0, patch = 0, word, number = -1] = updaterVersionPattern.exec(version) ?? [];
  return [Number(major), Number(minor), Number(patch), word === undefined ? 1 : 0, word ?? '', Number(number)];
}

/** Version and copy of an updater, for people: `1.3.0 (/opt/opq-updater/1.3.0)`. */
export function updaterText(version: string, program: string): string {
  const folder = dirname(program);
  return `${version} (${folder.endsWith(factoryFolder) ? 'factory copy, ' : ''}${folder})`;
}
