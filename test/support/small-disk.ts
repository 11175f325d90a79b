import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
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
