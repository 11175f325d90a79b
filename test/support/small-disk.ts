import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/**
 * An empty file system of its own that is soon full; gone with the test. Undefined where nobody may mount, as in
 * most containers: said aloud, as a test that needs it then shows nothing.
 */
export function smallDisk(kib: number): string | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'opq-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'tmpfs', dir], { stdio: 'pipe' });
  } catch (error) {
    rmSync(dir, { recursive: true });
    console.warn(`NOT TESTED with a full disk, as mounting one takes root: ${(error as Error).message.trim()}`);
    return undefined;
  }
  onTestFinished(() => {
    execFileSync('umount', ['--lazy', dir]);
    rmSync(dir, { recursive: true });
  });
  return dir;
}

/** Writes a file until there is no room for one more byte. */
export async function fillDisk(path: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    for (const size of [65_536, 4096, 1]) {
      const piece = Buffer.alloc(size, 1);
      for (let full = false; !full; ) {
        await file.write(piece).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOSPC') throw error;
          full = true;
        });
      }
    }
  } finally {
    await file.close();
  }
}
