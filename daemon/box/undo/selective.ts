import { join } from 'node:path';
import { UpdateError } from '../../../protocol/errors.ts';
import { pathsOf } from '../snapshot.ts';
import { imageNow, imagePath, type Look, readImage, writeImage } from './image.ts';
import { keepAside, mergeSnapshot } from './merged-snapshot.ts';
import { type Images, type Plan, planUndo } from './plan.ts';

/** Paths that an undo leaves as they are, with all that is in them; `but` names files among them that it does not. */
export interface Kept {
  readonly paths: readonly string[];
  readonly but: readonly string[];
}

/** What preparing an undo takes where the snapshots are. */
export interface UndoNeed {
  readonly bytes: number;
  readonly inodes: number;
}

export interface Undo extends Plan {
  readonly need: UndoNeed;
}

export interface PrepareUndo {
  /** Where the snapshot goes; replaced if it exists. */
  readonly into: string;
  /** Where what others changed goes; not made when there is nothing. */
  readonly aside: string;
  readonly kept: Kept;
  /** Throws when that is more than there is. */
  enough(need: UndoNeed): Promise<void>;
}

/** Notes beside a snapshot what its folders are like now, which is as the update left them. */
export async function noteAfter(root: string, folder: string): Promise<void> {
  await writeImage(root, (await pathsOf(folder)).map(imagePath), join(folder, 'after'));
}

/**
 * True when the folders of a snapshot that was put back differ from it by nothing but what was written or added since:
 * by whoever was left running. What is gone, or is as old as it should be with something else in it, is no such thing.
 * @param sinceMs when they began to be put back, Unix time in ms
 */
export async function onlyWrittenSince(root: string, folder: string, sinceMs: number): Promise<boolean> {
  const { before, now } = await imagesOf(root, folder);
  const since = BigInt(Math.floor(sinceMs)) * 1_000_000n;
  const isNew = ({ mtimeNs }: Look) => BigInt(mtimeNs) >= since;
  for (const [path, { what }] of before) {
    const found = now.get(path);
    if (!found || (found.what !== what && (found.what[0] !== what[0] || !isNew(found)))) return false;
  }
  return [...now].every(([path, look]) => before.has(path) || isNew(look));
}

/**
 * What an undo by a snapshot would do, as the box is now. Changes nothing.
 * @throws UpdateError SNAPSHOT_DAMAGED
 */
export async function lookAtUndo(root: string, folder: string, kept: Kept): Promise<Undo> {
  const plan = planUndo(await imagesOf(root, folder), keeps(kept));
  return { ...plan, need: needOf(plan) };
}

/** Unpacked, packed, and what is kept aside. */
function needOf({ merged, aside, asideBytes }: Plan): UndoNeed {
  const bytes = [...merged.values()].reduce((sum, { look }) => sum + 4096 + look.sizeBytes, 0);
  return { bytes: 2 * bytes + asideBytes, inodes: merged.size + aside.length + 100 };
}

/**
 * Makes the snapshot that an undo puts back, and keeps aside what others changed and it takes away.
 * @throws UpdateError SNAPSHOT_DAMAGED, DISK_FULL, DISK_FAILED, or what `enough` throws: then nothing was made
 */
export async function prepareUndo(
  root: string,
  folder: string,
  { into, aside, kept, enough }: PrepareUndo,
): Promise<void> {
  const images = await imagesOf(root, folder);
  const plan = planUndo(images, keeps(kept));
  await enough(needOf(plan));
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
