import { join } from 'node:path';
import { UpdateError } from '../../protocol/errors.ts';
import {
  copySynced,
  exists,
  makeFolder,
  readIfThere,
  remove,
  removeSafely,
  renameSafely,
  syncFile,
  syncFolder,
  write,
} from '../files.ts';

/**
 * The trusted metadata of a box. The library writes its files in place, where a power cut could leave half of one: so it
 * works on a copy, which takes the place of the current folder by a rename.
 */
export interface TufFolder {
  /** `current`, `previous` and `work` are in it. */
  readonly dir: string;
  /** The root that was pinned at installation, where all trust begins. */
  readonly factoryRoot: string;
}

const names = ['root', 'timestamp', 'snapshot', 'targets'] as const;

/**
 * A copy to work on: of the current metadata, of that before if a cut or a rotten card took it, else the factory's root.
 * @param isUsable whether trust can begin at the root in this folder
 * @throws UpdateError NO_TRUSTED_KEYS
 */
export async function openWork(
  { dir, factoryRoot }: TufFolder,
  isUsable: (folder: string) => Promise<boolean>,
): Promise<string> {
  const work = join(dir, 'work');
  for (const name of ['current', 'previous']) {
    await remove(work);
    if (!(await exists(join(dir, name)))) continue;
    await copySynced(join(dir, name), work);
    if (await isUsable(work)) return work;
  }
  await remove(work);
  await makeFolder(work);
  const root = await readIfThere(factoryRoot);
  if (root !== undefined) {
    await write(join(work, 'root.json'), root);
    if (await isUsable(work)) return work;
  }
  const found = root === undefined ? 'none' : 'one that does not hold';
  throw new UpdateError('NO_TRUSTED_KEYS', `Expected the publisher's root at ${factoryRoot}, found ${found}.`);
}

/** What was proven stays, also where a later step failed: no cut leaves less than the folder before. */
export async function keepWork({ dir }: TufFolder): Promise<void> {
  const [work, current, previous] = [join(dir, 'work'), join(dir, 'current'), join(dir, 'previous')];
  if (await isSame(work, current)) return remove(work);
  for (const name of names) if (await exists(join(work, `${name}.json`))) await syncFile(join(work, `${name}.json`));
  await syncFolder(work);
  if (await exists(current)) {
    await removeSafely(previous);
    await renameSafely(current, previous);
  }
  await renameSafely(work, current);
}

/** A check that finds nothing new writes nothing to the card that has to last. */
async function isSame(one: string, other: string): Promise<boolean> {
  const texts = (folder: string) => Promise.all(names.map((name) => readIfThere(join(folder, `${name}.json`))));
  return JSON.stringify(await texts(one)) === JSON.stringify(await texts(other));
}

/** Metadata that was proven and kept, as it was written; undefined where there is none. */
export async function keptMetadata({ dir }: Pick<TufFolder, 'dir'>, name: (typeof names)[number]): Promise<unknown> {
  for (const folder of ['current', 'previous']) {
    const text = await readIfThere(join(dir, folder, `${name}.json`));
    if (text !== undefined) return JSON.parse(text);
  }
  return undefined;
}
