import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { type About, aboutName, readAbout } from './about.ts';
import { type Dialect, hashOf, hashPattern, imageHash, manifestOf, type Plan, requestHash } from './plan.ts';
import type { AttendedSettings } from './settings.ts';

export const imagesDirOf = (cacheDir: string): string => join(cacheDir, 'images');

export interface Kept {
  readonly hash: string;
  readonly about: About;
  /** Hash of name to version of what it holds. */
  readonly manifest: string;
  lastUsedMs: number;
  /** Downloads under way. */
  users: number;
}

/** Neither quota nor anything else takes an image away that a client has just been told of. */
export const leastKeepMs = 3_600_000;

/**
 * What has been built, and the names that clients have for it. The folders of the images are the truth; what is kept in
 * memory beside is found again at the start.
 */
export async function openImages(
  settings: AttendedSettings,
  nowMs: () => number,
  onEnded: (about: About) => void = () => {},
) {
  const dir = imagesDirOf(settings.cache_dir);
  await mkdir(dir, { recursive: true });
  const kept = new Map<string, Kept>();
  const requests = new Map<string, { readonly hash: string; readonly dialect: Dialect }>();
  let started = false;
  for (const name of await readdir(dir)) if (hashPattern.test(name)) await fromDisk(name);
  started = true;

  async function fromDisk(hash: string): Promise<Kept | undefined> {
    const about = await readAbout(join(dir, hash));
    if (about === undefined) return undefined;
    const { mtimeMs } = await stat(join(dir, hash, aboutName));
    // Another look may have come first while this one waited for the disk.
    const known = kept.get(hash);
    if (known) return known;
    const image = { hash, about, manifest: hashOf(manifestOf(about.plan)), lastUsedMs: mtimeMs, users: 0 };
    kept.set(hash, image);
    know(about.plan);
    if (started) onEnded(about);
    return image;
  }

  /** From now on the hashes of requests for this plan are known. */
  function know(plan: Plan): void {
    const hash = imageHash(plan);
    for (const dialect of ['A', 'B'] as const) requests.set(requestHash(plan, dialect), { hash, dialect });
  }

  function forget(plan: Plan): void {
    for (const dialect of ['A', 'B'] as const) requests.delete(requestHash(plan, dialect));
  }

  const endsMs = ({ about }: Kept): number => about.builtAtMs + lifeMs(about, settings);

  async function remove(image: Kept): Promise<void> {
    kept.delete(image.hash);
    forget(image.about.plan);
    // By a rename first: half an image is nobody's.
    const going = join(dir, `.${image.hash}.gone`);
    await rename(join(dir, image.hash), going).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    await rm(going, { recursive: true, force: true });
  }

  return {
    dir,
    know,
    request: (hash: string) => requests.get(hash),
    all: (): Kept[] => [...kept.values()],
    totalBytes: (): number => [...kept.values()].reduce((sum, { about }) => sum + about.sizeBytes, 0),
    byManifest: (manifest: string): Kept | undefined => [...kept.values()].find((image) => image.manifest === manifest),
    /** What came of a build; undefined while it has not ended, and when its time is over. */
    async look(hash: string): Promise<Kept | undefined> {
      const image = kept.get(hash) ?? (await fromDisk(hash));
      return image && endsMs(image) > nowMs() ? image : undefined;
    },
    /** Marks it as used, until the function that this gives is called. */
    use(image: Kept): () => void {
      image.users++;
      image.lastUsedMs = nowMs();
      // Across a restart, too; a disk that cannot says so elsewhere.
      utimes(join(dir, image.hash, aboutName), nowMs() / 1000, nowMs() / 1000).catch(() => {});
      return () => {
        image.users--;
        image.lastUsedMs = nowMs();
      };
    },
    remove,
    /** May go when room is needed. */
    isRemovable: (image: Kept): boolean => image.users === 0 && nowMs() - image.about.builtAtMs >= leastKeepMs,
    isOver: (image: Kept): boolean => endsMs(image) <= nowMs(),
    /** Removes failures, so that what failed is tried again. */
    async flushFailures(): Promise<number> {
      const failures = [...kept.values()].filter(({ about }) => about.image === null);
      for (const image of failures) await remove(image);
      return failures.length;
    },
  };
}

export type Images = Awaited<ReturnType<typeof openImages>>;

function lifeMs({ image, plan }: About, settings: AttendedSettings): number {
  if (image === null) return settings.keep_failures_s * 1000;
  return (plan.defaults === null ? settings.keep_results_s : settings.keep_defaults_s) * 1000;
}
