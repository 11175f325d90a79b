import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type BoxImage, ensureBoxImage } from './box-image.ts';
import { ensureImage } from './image.ts';
import type { Bench } from './stage.ts';

/**
 * What all scenarios of a run share.
 * @param repo the checkout, whose package was made
 */
export async function openBench(repo: string, cache: string, say: (text: string) => void): Promise<Bench> {
  // A copy: a build while this runs would take them away.
  const programs = join(cache, 'programs');
  await rm(programs, { recursive: true, force: true });
  await mkdir(programs, { recursive: true });
  await cp(join(repo, 'dist'), programs, { recursive: true });
  const name = (await readdir(programs)).find((file) => /^opq-box-updater_.*_all\.deb$/.test(file));
  const deb = name === undefined ? null : join(programs, name);
  const tested =
    deb === null
      ? 'none'
      : createHash('sha256')
          .update(await readFile(deb))
          .digest('hex')
          .slice(0, 12);
  const image = await ensureImage(repo, cache, say);
  let box: Promise<BoxImage> | undefined;
  return {
    ...{ repo, cache, image, programs, deb, tested, say },
    box() {
      box ??= ensureBoxImage(cache, image, programs, deb, say);
      return box;
    },
  };
}
