import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { UpdateError } from '../../../protocol/errors.ts';
import { exists } from '../../files.ts';
import type { Box } from '../box.ts';
import { readConditions } from '../conditions.ts';
import { freeBytes, freeInodes, sizeOf } from '../space.ts';
import { wayBack } from '../way-back.ts';
import { checkUp } from './check-up.ts';
import { gateway } from './gateway.ts';
import { hardware } from './hardware.ts';
import { ownUnits } from './own-units.ts';
import { runProgram } from './program.ts';
import { killScript, runScript } from './script.ts';
import { goingDown, systemctl } from './systemctl.ts';
import { unitState } from './unit-state.ts';

/**
 * Node has no unix datagram sockets, so the word to systemd goes through its own program. By Node's own means: all that
 * `run` loads would stay in a daemon at rest, which needs nothing else of it.
 */
function notify(...words: string[]): Promise<void> {
  return new Promise((told) => void execFile('systemd-notify', words, { timeout: 60_000 }, () => told()));
}

const snapshots = wayBack('/');

/** With the guard's watch, which would take the silence for a fault of the release. */
const daemonUnits = [
  ...['opq-updater-watch.timer', 'opq-updater-control.socket', 'opq-updater-page.socket'],
  'opq-updater.service',
];

/** A real box: systemd is PID 1 and `/` is `/`. */
export function systemdBox(): Box {
  return {
    kind: 'systemd',
    about: 'systemd box: install_update.sh runs confined to the writable paths, reboots are real.',
    bootId: async () => (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim(),
    // Written by the guard at the start of this boot, from the mark that an orderly shutdown leaves.
    async lastShutdown() {
      const mark = await readFile('/run/opq-updater/last-shutdown', 'utf8').catch(() => 'cut'); // no guard ran: assume the worst
      return mark.trim() === 'orderly' ? 'orderly' : 'cut';
    },
    identity: async () => ({ name: hostname(), ...(await hardware()) }),
    checkUp,
    ready: () => notify('--ready', '--status=ready'),
    alive: () => notify('WATCHDOG=1'),
    clockKnown: () => exists('/run/systemd/timesync/synchronized'),
    conditions: () => readConditions('/'),
    sizeOf: (paths) => sizeOf('/', paths),
    freeBytes,
    freeInodes,
    gateway,

    ownUnits: () => ownUnits(),
    service: unitState,
    async startService(name) {
      // Whether it comes up is seen in its state: one that takes minutes must not hold up the others.
      const { exitCode, stderr } = await systemctl(['start', '--no-block', '--', name]);
      if (exitCode !== 0) throw new UpdateError('INTERNAL', `${name} could not be started: ${stderr.trim()}`);
    },
    async stopService(name) {
      await systemctl(['stop', '--', name]);
      const { state } = await unitState(name);
      if (state !== 'active' && state !== 'starting') return;
      throw new UpdateError('SERVICE_NOT_STOPPED', `${name} should be stopped, found it ${state}.`);
    },

    runScript: (script) => runScript(script),
    killScript,
    runProgram,

    ...snapshots,
    async restore(folder) {
      await snapshots.restore(folder);
      // Units may have come back or gone.
      await systemctl(['daemon-reload']);
    },
    async sync() {
      const { execa } = await import('execa');
      await execa('sync');
    },

    async endDaemon(services) {
      await systemctl(['stop', '--', ...daemonUnits, ...services]);
      await killScript();
      const { state } = await unitState('opq-updater.service');
      if (state === 'active') throw new UpdateError('BUSY', 'opq-updater.service should be stopped, found it active.');
    },
    async startDaemon(services) {
      await systemctl(['start', '--', ...services, ...daemonUnits]);
    },
    async reboot(way) {
      if (way === 'orderly' && (await goingDown())) return;
      // Whoever holds shutdowns up does not hold up an update that is half-way.
      const words = way === 'forced' ? ['--force', 'reboot'] : ['--check-inhibitors=no', 'reboot'];
      const { exitCode, stderr } = await systemctl(words);
      if (exitCode === 0) return;
      throw new UpdateError('REBOOT_FAILED', `systemctl ${words.join(' ')} ended with ${exitCode}: ${stderr.trim()}`);
    },
  };
}
