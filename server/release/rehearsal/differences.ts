import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { imagePath, isFolder, type Look, lookAt, pathBytes, pathText } from '../../../daemon/box/undo/image.ts';
import type { Difference, Request } from './rehearsal.ts';
import type { Tree } from './tree.ts';

interface Looks {
  readonly before: Look | undefined;
  readonly after: Look | undefined;
}

/** What differs from the box as it was, by path as an image has it; times alone are no difference. */
export async function differencesOf(tree: Tree, before: Tree): Promise<Map<string, Looks>> {
  const found = new Map<string, Looks>();
  for (const { at, written } of tree.layers) {
    const prefix = at === '' ? '' : `${at}/`;
    const names = (root: string, path: string) => namesIn(join(root, at), path);

    /** Only what was written into can differ; what it hides of the box is gone. */
    const below = async (path: string, { before: was, after: is }: Looks): Promise<void> => {
      const there = isFolder(is) ? await names(tree.root, path) : [];
      const here = isFolder(is) ? (await Promise.all(written.map((upper) => namesIn(upper, path)))).flat() : [];
      const gone = isFolder(was) ? (await names(before.root, path)).filter((name) => !there.includes(name)) : [];
      for (const name of [...new Set([...here, ...gone])].sort()) {
        const child = path === '' ? name : `${path}/${name}`;
        const looks = {
          before: isFolder(was) ? await lookAt(join(before.root, at), child) : undefined,
          after: isFolder(is) ? await lookAt(join(tree.root, at), child) : undefined,
        };
        if (looks.before?.what !== looks.after?.what) found.set(prefix + child, looks);
        await below(child, looks);
      }
    };
    const top = { before: await lookAt(before.root, at || '.'), after: await lookAt(tree.root, at || '.') };
    await below('', top);
  }
  return found;
}

/** Empty where there is no folder; never through a link. */
async function namesIn(root: string, path: string): Promise<string[]> {
  const place = Buffer.concat([Buffer.from(`${root}/`), pathBytes(path)]);
  try {
    return (await readdir(place, { encoding: 'buffer' })).map((name) => name.toString('latin1'));
  } catch (error) {
    // In what was written a file may stand for a folder that is gone.
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

const kinds: Readonly<Record<string, string>> = { f: 'file', d: 'folder', l: 'link', p: 'pipe', c: 'device' };

/** For people and scripts, in the order of the paths. */
export function describe(found: ReadonlyMap<string, Looks>, request: Request): Difference[] {
  return [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .filter(([path, looks]) => !isMadeByBox(path, looks, request))
    .map(([path, { before, after }]) => ({
      path: pathText(path),
      kind: before === undefined ? 'added' : after === undefined ? 'removed' : 'changed',
      what: kinds[(after ?? before)!.what[0]!] ?? 'other',
      bytes: after?.sizeBytes ?? 0,
      bytesBefore: before?.sizeBytes ?? 0,
      outside: isOutside(path, request),
    }));
}

/** The updater's own configuration lies in a writable folder, and is closed to scripts all the same. */
const closed = imagePath('/etc/opq/updater_config.json');

const isOutside = (path: string, { writable }: Request): boolean =>
  path === closed || !writable.map(imagePath).some((folder) => path === folder || path.startsWith(`${folder}/`));

/** Folders around a writable one that was not there: the box makes them before it runs the script. */
const isMadeByBox = (path: string, { before, after }: Looks, { writable }: Request): boolean =>
  before === undefined && isFolder(after) && writable.map(imagePath).some((folder) => folder.startsWith(`${path}/`));
