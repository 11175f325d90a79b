/**
 * What an undo does to each path, from three images: before the update, after it, and now.
 *
 *     as it was before           nothing to do
 *     not changed by the update  somebody else did: it stays as it is
 *     changed by the update      the earlier one comes back; if somebody changed it since, that one is kept aside
 *
 * Paths that are to be kept stay as they are whatever happened to them.
 */
import { type Image, isFolder, type Look } from './image.ts';

export interface Plan {
  /** Paths that become what they were before the update, gone included. */
  readonly restore: readonly string[];
  /** Of these, what somebody changed after the update: kept aside first. */
  readonly aside: readonly string[];
  readonly asideBytes: number;
  /** Paths that somebody else changed, which stay as they are. */
  readonly leave: readonly string[];
  /** The tree to put back: of each path its look then, and whose it is. */
  readonly merged: ReadonlyMap<string, { readonly look: Look; readonly from: 'before' | 'now' }>;
}

export interface Images {
  readonly before: Image;
  /** Undefined when it was never made or is damaged: then everything that differs is kept aside. */
  readonly after: Image | undefined;
  readonly now: Image;
}

/** @param kept true for paths that stay as they are */
export function planUndo({ before, after, now }: Images, kept: (path: string) => boolean): Plan {
  const paths = [...new Set([...before.keys(), ...now.keys()])].sort();
  const same = (path: string, one: Image, other: Image) => one.get(path)?.what === other.get(path)?.what;
  const fates = new Map<string, 'before' | 'now'>();
  for (const path of paths) {
    const others = !same(path, before, now) && after !== undefined && same(path, before, after);
    fates.set(path, kept(path) || others ? 'now' : 'before');
  }
  const lookOf = (path: string) => (fates.get(path) === 'now' ? now : before).get(path);

  // Nothing can be in a folder that is not there. Folders come before what is in them.
  for (const path of paths) {
    const missing = foldersAbove(path).filter((folder) => fates.has(folder) && !isFolder(lookOf(folder)));
    if (missing.length === 0 || lookOf(path) === undefined) continue;
    if (fates.get(path) === 'before') for (const folder of missing) fates.set(folder, 'before');
    else if (kept(path)) for (const folder of missing) fates.set(folder, 'now');
    else fates.set(path, 'before');
  }

  const leave = paths.filter((path) => fates.get(path) === 'now' && !same(path, before, now));
  // A folder in which others changed something has the time of that.
  for (const path of leave) {
    const folder = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    if (isFolder(lookOf(folder)) && same(folder, before, now)) fates.set(folder, 'now');
  }
  const restore = paths.filter((path) => lookOf(path)?.what !== now.get(path)?.what);
  const left = after ?? before;
  const aside = restore.filter((path) => {
    const found = now.get(path);
    if (!found || same(path, now, left)) return false;
    // Of a folder there is nothing to keep but that it was there.
    return !isFolder(found) || !left.has(path);
  });
  return {
    restore,
    aside,
    asideBytes: aside.reduce((sum, path) => sum + 4096 + now.get(path)!.sizeBytes, 0),
    leave,
    merged: new Map(
      paths.flatMap((path) => {
        const look = lookOf(path);
        return look ? [[path, { look, from: fates.get(path)! }] as const] : [];
      }),
    ),
  };
}

/** `a/b/c` -> `a`, `a/b`. */
function foldersAbove(path: string): string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, n) => parts.slice(0, n + 1).join('/'));
}
