/** The Debian package, built as `npm run deb` does, for the tests of this folder. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

export const repo = fileURLToPath(new URL('../..', import.meta.url));

/** A folder that goes with the test. */
export function ownFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'opq-setup-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** @returns path of the package */
export function buildDeb(out: string, env: Record<string, string> = {}, umask = '022'): string {
  const command = `umask ${umask}; exec "${process.execPath}" "${join(repo, 'setup/deb/build.mjs')}" --out "${out}"`;
  return run('sh', ['-c', command], env).trim();
}

/** Standard output of a program that succeeds. */
export const run = (program: string, args: string[], env: Record<string, string> = {}): string =>
  execFileSync(program, args, {
    env: { ...process.env, LC_ALL: 'C', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
