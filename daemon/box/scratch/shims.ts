import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Programs that install scripts call, first in their PATH: they reach the scratch box, never this machine. */
export function writeShims(root: string, program: string): void {
  const call = `exec "${process.execPath}" "${program}" scratch-box --systemctl "${root}"`;
  const shims: Record<string, string> = {
    systemctl: `${call} "$@"`,
    reboot: `${call} reboot`,
    // Whoever runs the scratch box is root in it; -n, -E and the like do not matter then.
    sudo: 'while [ "$#" -gt 0 ]; do case $1 in -*) shift ;; *) break ;; esac; done; exec "$@"',
  };
  const folder = join(root, 'scratch-bin');
  mkdirSync(folder, { recursive: true });
  for (const [name, line] of Object.entries(shims)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  }
}
