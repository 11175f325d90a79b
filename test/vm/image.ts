import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { keepOnly } from './cache.ts';
import { withSecondTry } from './hung-boot.ts';
import { openMachine } from './machine.ts';

/** A Debian 13 that has booted once and was shut down in order; never written again. */
export interface Image {
  /** Tells images apart: the digest of what made it. */
  readonly id: string;
  /** Holds vmlinuz, initrd, packages.txt. */
  readonly folder: string;
  readonly disk: string;
}

/** Finds the image in the cache, or makes it: two to four minutes. */
export async function ensureImage(repo: string, cache: string, say: (text: string) => void): Promise<Image> {
  const script = join(repo, 'test/vm/image/build-image.sh');
  const id = createHash('sha256')
    .update(await readFile(script))
    .digest('hex')
    .slice(0, 12);
  const folder = join(cache, `image-${id}`);
  const image = { id, folder, disk: join(folder, 'root.qcow2') };
  await keepOnly(cache, 'image-', id, async () => {
    const making = `${folder}.new`;
    await rm(making, { recursive: true, force: true });
    say('building the image ...');
    await promisify(execFile)('bash', [script, making], { maxBuffer: 64 * 1024 * 1024 });
    say('booting it for the first time ...');
    await withSecondTry(() => settle(making), say);
    await rename(making, folder);
  });
  return image;
}

/** The first boot writes caches, seeds and catalogs; whatever is tested starts from a system that has run before. */
async function settle(folder: string): Promise<void> {
  const disk = join(folder, 'root.qcow2');
  const machine = openMachine({ folder: join(folder, 'first-boot'), image: folder, disk });
  try {
    const state = await machine.boot();
    if (state !== 'running') {
      throw new Error(
        `Expected a boot without a failed unit, found ${state}: ${await machine.ok('systemctl --failed')}`,
      );
    }
    await machine.powerOff();
  } finally {
    await machine.off();
  }
  await chmod(disk, 0o444);
}
