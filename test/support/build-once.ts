import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Tests that start whole programs start the bundles, as a box does: made once before the first test. */
export default function setup(): void {
  execFileSync('npm', ['run', '--silent', 'build'], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}
