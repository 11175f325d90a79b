import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';

/**
 * What stands around the table of results, so that whoever reads it knows what it is and can make it again.
 * @param words what was typed behind `run.sh`
 */
export function pageOf(words: readonly string[]): (table: string) => string {
  const said = execFileSync('qemu-system-x86_64', ['--version'], { encoding: 'utf8' });
  const qemu = /version ([\d.]+)/.exec(said)?.[1] ?? 'of an unknown version';
  const memory = Math.round(totalmem() / 2 ** 30);
  // The same table comes of one run as of one that was gone on with.
  const command = ['sh test/vm/run.sh', ...words.filter((word) => word !== '--resume')].join(' ');
  return (table) => `# Updates of a real box, in QEMU

Each line is a Debian 13 with systemd that was booted with the package on it, updated from a server outside of it, and
hurt. Only what is found from outside at its end counts: every file of what an update may change, VERSION, the
services, and what the history says. "Cuts" are power cuts, for which QEMU is killed. The machines are emulated without
virtualisation; the seconds say how long a scenario took, not how fast a box is.

\`\`\`sh
${command}
\`\`\`

On ${cpus().length} processors with ${memory} GiB, QEMU ${qemu}. What the scenarios do and how one is added:
\`test/vm/README.md\`.

${table}`;
}
