import { randomUUID } from 'node:crypto';
import { run } from '../run.ts';

/**
 * Runs a program of the box's owner as a unit of its own: with the rights that its owner expects, not in what this
 * process is confined to, and systemd ends it with everything that it started.
 */
export async function runProgram(path: string, timeoutMs: number) {
  const properties = [
    'KillMode=control-group',
    'TimeoutStopSec=5',
    `RuntimeMaxSec=${Math.ceil(timeoutMs / 1000)}`,
    'MemoryMax=50%',
    'TasksMax=256',
  ];
  const unit = `opq-updater-program-${randomUUID().slice(0, 8)}.service`;
  const words = ['--wait', '--pipe', '--quiet', '--collect', `--unit=${unit}`];
  return run('systemd-run', [...words, ...properties.map((property) => `--property=${property}`), '--', path], {
    timeoutMs: timeoutMs + 30_000,
  });
}
