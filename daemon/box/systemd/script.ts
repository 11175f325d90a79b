import { mkdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ScriptEnd, ScriptRun } from '../box.ts';
import { systemctl } from './systemctl.ts';
import { unitState } from './unit-state.ts';

/** One name for all: a second script cannot start beside the first, and whoever resumes knows what to stop. */
export const scriptUnit = 'opq-updater-script.service';

/** Longer than any shutdown takes. */
const shutdownMs = 30 * 60_000;

/** What install_update.sh runs in. It guards against mistakes: root that wants out gets out, by way of PID 1. */
const confinement = (paths: readonly string[], timeoutMs: number): Readonly<Record<string, string>> => ({
  ProtectSystem: 'strict',
  // Exactly what the snapshot holds: what the script can change on disk is what can be put back.
  ReadWritePaths: paths.map((path) => `"${path}"`).join(' '),
  // Ours: a release that changed it could end all updates. As a mount of its own it can neither be replaced nor
  // removed, and as the folder above is one too, not moved away with it.
  ReadOnlyPaths: '-/etc/opq/updater_config.json',
  PrivateTmp: 'yes',
  ProtectKernelModules: 'yes',
  ProtectKernelTunables: 'yes',
  ProtectControlGroups: 'yes',
  // Whatever it leaves running goes with it.
  KillMode: 'control-group',
  TimeoutStopSec: '5',
  RuntimeMaxSec: `${Math.ceil(timeoutMs / 1000)}`,
  MemoryMax: '75%',
  TasksMax: '512',
  // What programs say of a failed write is looked for in these words.
  Environment: 'LC_MESSAGES=C',
  // Old scripts call sudo.
  NoNewPrivileges: 'no',
});

/**
 * Runs install_update.sh as a transient unit: PID 1's child, not ours, so it is stopped by name whatever became of
 * this process.
 */
export async function runScript({ folder, writablePaths, timeoutMs, onOutput }: ScriptRun): Promise<ScriptEnd> {
  const { execa } = await import('execa');
  await killScript();
  // A folder that is not there yet could not be made inside a read-only one; the snapshot has it as absent.
  for (const path of writablePaths) await mkdir(path, { recursive: true });
  const properties = Object.entries(confinement(writablePaths, timeoutMs)).map(
    ([key, value]) => `--property=${key}=${value}`,
  );
  const child = execa(
    'systemd-run',
    [
      '--wait',
      '--pipe',
      '--quiet',
      '--collect',
      `--unit=${scriptUnit}`,
      `--working-directory=${folder}`,
      ...properties,
      '--',
      'bash',
      './install_update.sh',
    ],
    { reject: false, all: true, buffer: false, stdin: 'ignore', timeout: timeoutMs + 60_000 },
  );
  child.all.setEncoding('utf8').on('data', onOutput);
  const began = performance.now();
  const { exitCode } = await child;
  await endOfShutdown();
  const timedOut = performance.now() - began >= timeoutMs;
  await killScript();
  return { exitCode: timedOut ? null : (exitCode ?? null), timedOut };
}

/**
 * Does not return on a box that is on its way down: that ends the script and this process in any order, and what a
 * script came to that was ended so is for the next boot to find out.
 */
async function endOfShutdown(): Promise<void> {
  const { stdout } = await systemctl(['is-system-running']);
  if (stdout.trim() === 'stopping') await sleep(shutdownMs);
}

/** Ends whatever is left of the script, for good; fine when nothing runs. */
export async function killScript(): Promise<void> {
  for (let n = 0; n < 50; n++) {
    const { state } = await unitState(scriptUnit);
    if (state !== 'active' && state !== 'starting') break;
    await systemctl(['kill', '--kill-whom=all', '--signal=KILL', scriptUnit]);
    await sleep(100);
  }
  await systemctl(['stop', scriptUnit]);
  await systemctl(['reset-failed', scriptUnit]);
}
