import { join } from 'node:path';
import { UpdateError } from '../../../protocol/errors.ts';
import { pathsOf } from '../snapshot.ts';
import { imageNow, imagePath, readImage, writeImage } from './image.ts';
import { keepAside, mergeSnapshot } from './merged-snapshot.ts';
import { type Images, type Plan, planUndo } from './plan.ts';

/** Paths that an undo leaves as they are, with all that is in them; `but` names files among them that it does not. */
export interface Kept {
  readonly paths: readonly string[];
  readonly but: readonly string[];
}

export interface Undo extends Plan {
  /** What preparing it takes where the snapshots are. */
  readonly needBytes: number;
  readonly needInodes: number;
}

/** Notes beside a snapshot what its folders are like now, which is as the update left them. */
export async function noteAfter(root: string, folder: string): Promise<void> {
  await writeImage(root, (await pathsOf(folder)).map(imagePath), join(folder, 'after'));
}

/**
 * What an undo by a snapshot would do, as the box is now. Changes nothing.
 * @throws UpdateError SNAPSHOT_DAMAGED
 */
export async function lookAtUndo(root: string, folder: string, kept: Kept): Promise<Undo> {
  const plan = planUndo(await imagesOf(root, folder), keeps(kept));
  const bytes = [...plan.merged.values()].reduce((sum, { look }) => sum + 4096 + look.sizeBytes, 0);
  // Unpacked, packed, and what is kept aside.
  const needInodes = plan.merged.size + plan.aside.length + 100;
  return { ...plan, needBytes: 2 * bytes + plan.asideBytes, needInodes };
}

/**
 * Makes the snapshot that an undo puts back, and keeps aside what others changed and it takes away.
 * @param aside folder for that; not made when there is nothing
 * @throws UpdateError SNAPSHOT_DAMAGED, DISK_FULL, DISK_FAILED
 */
export async function prepareUndo(
  root: string,
  folder: string,
  { into, aside, kept }: { into: string; aside: string; kept: Kept },
): Promise<void> {
  const images = await imagesOf(root, folder);
  const plan = planUndo(images, keeps(kept));
  if (plan.aside.length > 0) await keepAside(root, aside, plan.aside);
  await mergeSnapshot(root, folder, { merged: plan.merged, before: images.before }, into);
}

async function imagesOf(root: string, folder: string): Promise<Images> {
  const before = await readImage(join(folder, 'before'));
  if (!before) throw new UpdateError('SNAPSHOT_DAMAGED', 'The copy of the earlier release does not say what it holds.');
  const now = await imageNow(root, (await pathsOf(folder)).map(imagePath));
  return { before, after: await readImage(join(folder, 'after')), now };
}

function keeps({ paths, but }: Kept): (path: string) => boolean {
  const all = paths.map(imagePath);
  const exceptions = new Set(but.map(imagePath));
  return (path) => !exceptions.has(path) && all.some((one) => path === one || path.startsWith(`${one}/`));
}
