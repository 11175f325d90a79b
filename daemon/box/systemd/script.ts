import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UpdateError } from '../../../protocol/errors.ts';
import recorderProgram from '../../../systemd/script-end.sh';
import { makeFolder, remove, write, writeFileSafely } from '../../files.ts';
import type { ScriptEnd, ScriptRun } from '../box.ts';
import { neverStarted, readScriptEnd } from '../script-end.ts';
import { confinement } from './confinement.ts';
import { goingDown, systemctl } from './systemctl.ts';

/** One name for all: a second script cannot start beside the first, and whoever resumes knows what to stop. */
export const scriptUnit = 'opq-updater-script.service';

/** Some blocks of a file system. */
const roomBytes = 16 * 1024;

const usual = {
  /** In memory: what it says is needed in this boot alone. */
  recorder: '/run/opq-updater/script-end.sh',
  /** For what its unit itself takes to end it, beyond its time. */
  graceMs: 2 * 60_000,
  /** How long a shutdown takes at most to end this process. */
  shutdownMs: 30 * 60_000,
};

/**
 * Runs install_update.sh as a transient unit: PID 1's child, not ours, so it is stopped by name whatever became of
 * this process. How it ended is what its unit wrote down, as systemd-run may be ended by others.
 * @throws UpdateError SCRIPT_NOT_STARTED
 */
export async function runScript(script: ScriptRun, limits = usual): Promise<ScriptEnd> {
  const { endFile, writablePaths, timeoutMs } = script;
  await killScript();
  await remove(endFile);
  // Given back before the end is written down: a script that fills the disk has ended like any other.
  await writeFileSafely(`${endFile}.room`, ' '.repeat(roomBytes));
  await makeFolder(dirname(limits.recorder));
  await write(limits.recorder, recorderProgram);
  // A folder that is not there yet could not be made inside a read-only one; the snapshot has it as absent.
  for (const path of writablePaths) await makeFolder(path);

  const began = performance.now();
  const said = await untilGone(script, limits, began + timeoutMs + limits.graceMs);
  const lasted = performance.now() - began;
  const record = await readScriptEnd(endFile);
  // Broken off by the shutdown: the next boot finds the record and judges. This process ends any moment.
  if (record?.exitCode !== 0 && (await goingDown())) await sleep(limits.shutdownMs);
  await killScript();
  const timedOut = lasted >= timeoutMs && (record === undefined || record.result === 'timeout');
  if (timedOut) return { exitCode: null, timedOut };
  if (record !== undefined && !neverStarted(record)) return { exitCode: record.exitCode, timedOut };
  const why = record ? `systemd ended it with ${record.exitCode}` : 'it left no word';
  throw new UpdateError('SCRIPT_NOT_STARTED', `install_update.sh was not started: ${why}. ${said}`.trim());
}

/** Starts it and waits until its unit is over; returns the end of what systemd-run and the script said. */
async function untilGone(script: ScriptRun, { recorder }: typeof usual, deadline: number): Promise<string> {
  const { execa } = await import('execa');
  const properties = Object.entries(confinement({ ...script, recorder })).map(([key, value]) => `${key}=${value}`);
  const child = execa(
    'systemd-run',
    [
      ...['--wait', '--pipe', '--quiet', '--collect', `--unit=${scriptUnit}`, `--working-directory=${script.folder}`],
      ...properties.map((property) => `--property=${property}`),
      ...['--', 'bash', './install_update.sh'],
    ],
    { reject: false, all: true, buffer: false, stdin: 'ignore' },
  );
  let said = '';
  child.all.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-300);
    script.onOutput(text);
  });
  const over = new AbortController();
  const exited = new Promise((resolve) => child.once('exit', resolve));
  await Promise.race([
    // Also where there is no such program; it does not come back while the script's children hold the pipe.
    child,
    exited,
    sleep(Math.max(0, deadline - performance.now()), undefined, { signal: over.signal }).catch(() => {}),
  ]);
  over.abort();
  // It may have been ended by others, and the script goes on.
  while (performance.now() < deadline && (await isThere())) await sleep(250);
  child.kill('SIGKILL');
  // The last lines often say why it failed, but a process that got away may hold the pipe for ever.
  await Promise.race([child, sleep(1000)]);
  child.all.destroy();
  return said;
}

/** True from its start until systemd is done with it, the record included. */
async function isThere(): Promise<boolean> {
  const { stdout } = await systemctl(['show', '--property=ActiveState', '--', scriptUnit]);
  return !['inactive', 'failed', ''].includes(stdout.trim().replace('ActiveState=', ''));
}

/** Ends whatever is left of the script, for good; fine when nothing runs. */
export async function killScript(): Promise<void> {
  for (let n = 0; n < 50 && (await isThere()); n++) {
    await systemctl(['kill', '--kill-whom=all', '--signal=KILL', scriptUnit]);
    await sleep(100);
  }
  await systemctl(['stop', scriptUnit]);
  await systemctl(['reset-failed', scriptUnit]);
}
