/**
 * A box below a folder for the crash proof: files, snapshots, restores and the install script are real; services,
 * boots and the clock are played. What lasts until the next boot lies in `run/`, as on a box.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Box, Gateway, Service } from '../../daemon/box/box.ts';
import { readConditions } from '../../daemon/box/conditions.ts';
import { scriptRunner } from '../../daemon/box/scratch/script.ts';
import { syncFileSystem } from '../../daemon/box/sync.ts';
import { wayBack } from '../../daemon/box/way-back.ts';
import { readIfThere } from '../../daemon/files.ts';

/** Left in `run/` by whoever asks for a reboot: the updater, the guard, or a script. */
export const rebootMark = 'run/asked-reboot';

/** @returns the box, and its script, which ends with it */
export function crashBox(root: string, bin: string, gateway: Gateway = 'none') {
  const at = (path: string) => join(root, path);
  const environment = { PATH: `${bin}:${process.env.PATH}`, OPQ_BOX_ROOT: root };
  const script = scriptRunner(environment, at('run/script-group'));
  const box: Box = {
    kind: 'scratch',
    about: 'A box of the crash proof.',
    bootId: async () => readFileSync(at('run/boot_id'), 'utf8').trim(),
    lastShutdown: async () =>
      (await readIfThere(at('run/opq-updater/last-shutdown')))?.trim() === 'orderly' ? 'orderly' : 'cut',
    identity: async () => ({ name: 'crash box', hardware: null, model: null }),
    clockKnown: async () => true,
    checkUp: async () => [],
    ready: async () => {},
    alive: async () => {},
    conditions: () => readConditions(root),
    sizeOf: async () => ({ bytes: 100_000, inodes: 100 }),
    freeBytes: async () => 2 ** 40,
    freeInodes: async () => 2 ** 20,
    gateway: async () => gateway,
    ownUnits: async () => ({}),
    service: async (name) => serviceState(root, name),
    startService: async (name) => startService(root, name),
    stopService: async (name) => setState(root, name, 'inactive'),
    runScript: (run) => script.run(run, run.onOutput),
    killScript: script.kill,
    runProgram: async () => ({ exitCode: 0, output: '' }),
    ...wayBack(root),
    sync: () => syncFileSystem(root),
    endDaemon: async () => {},
    startDaemon: async () => {},
    async reboot() {
      writeFileSync(at(rebootMark), '');
      // It has seconds to live.
      await new Promise(() => {});
    },
  };
  return { box, script };
}

const units = 'etc/systemd/system';
const stateFile = (root: string, name: string) => join(root, 'run/services', name);

function setState(root: string, name: string, text: string): void {
  mkdirSync(join(root, 'run/services'), { recursive: true });
  writeFileSync(stateFile(root, name), text);
}

/** What stays up, from its first line to its last: here, and of the box that is booted for real. */
const wholePrograms = [
  /^#!\/bin\/sh\n# release (\d+) stays\n[\s\S]*\n# end\n$/,
  /^#!\/bin\/sh\necho "box-config-daemon (\d+) runs"\nexec sleep infinity\n$/,
];

/** `active` and the release that the program is of, or `failed`. */
export function startService(root: string, name: string): void {
  const unit = textOf(join(root, units, name));
  if (unit === undefined) return;
  const program = textOf(join(root, /^ExecStart=(.*)$/m.exec(unit)?.[1] ?? 'nowhere')) ?? '';
  const release = wholePrograms.map((like) => like.exec(program)?.[1]).find(Boolean);
  setState(root, name, release ? `active ${release}` : 'failed');
}

/** What starts at a boot. */
export function startServices(root: string): void {
  const folder = join(root, units, 'multi-user.target.wants');
  if (existsSync(folder)) for (const name of readdirSync(folder)) startService(root, name);
}

function serviceState(root: string, name: string): Service {
  if (!existsSync(join(root, units, name))) return { state: 'absent', restarts: 0, byHand: false };
  const [state = 'inactive'] = (textOf(stateFile(root, name)) ?? 'inactive').split(' ');
  return { state: state as Service['state'], restarts: 0, byHand: false };
}

/** The release whose program a service runs, or undefined while it runs none. */
export const releaseRunning = (root: string, name: string): number | undefined => {
  const [state, release] = (textOf(stateFile(root, name)) ?? '').split(' ');
  return state === 'active' ? Number(release) : undefined;
};

export function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // not there, or no file
  }
}
