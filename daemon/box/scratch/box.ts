import { readdir, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { installScriptName } from '../../../protocol/archive-content.ts';
import { attendedInstallScript } from '../../../protocol/attended-image.ts';
import { UpdateError } from '../../../protocol/errors.ts';
import { exists } from '../../files.ts';
import type { Box, ScriptEnd, Service } from '../box.ts';
import { readConditions } from '../conditions.ts';
import { overridesIn } from '../overrides.ts';
import { run } from '../run.ts';
import { freeBytes, freeInodes, sizeOf } from '../space.ts';
import { syncFileSystem } from '../sync.ts';
import { wayBack } from '../way-back.ts';
import { readBootId } from './init.ts';
import { askInit } from './init-client.ts';
import type { Result } from './systemctl.ts';

/** A box below a folder: services, script, snapshot and rollback are real, the reboot ends only its processes. */
export function scratchBox(root: string): Box {
  const at = (path: string) => join(root, path);
  const state = (name: string) => askInit<Service>(root, '/state', { name });
  const systemctl = (...args: string[]) => askInit<Result>(root, '/systemctl', { args });
  return {
    kind: 'scratch',
    about: `Scratch box in ${root}: install_update.sh runs unconfined, and a reboot ends only the processes of this box.`,
    bootId: () => readBootId(root),
    async lastShutdown() {
      return (await readFile(at('run/last-shutdown'), 'utf8')).trim() === 'orderly' ? 'orderly' : 'cut';
    },
    identity: async () => ({ name: `scratch box on ${hostname()}`, hardware: null, model: null }),
    clockKnown: async () => true,
    checkUp: async () => [],
    ready: async () => {},
    alive: async () => {},
    conditions: () => readConditions(root),
    sizeOf: (paths) => sizeOf(root, paths),
    freeBytes,
    freeInodes,
    // It has the network of this machine; a file of that name stands for a cable that was pulled.
    gateway: async () => ((await exists(at('var/lib/scratch/no-gateway'))) ? 'silent' : 'answers'),

    ownUnits: () => overridesIn(at('etc/systemd/system')),
    service: state,
    async startService(name) {
      await systemctl('start', name);
    },
    async stopService(name) {
      await systemctl('stop', name);
      const { state: now } = await state(name);
      if (now === 'active') throw new UpdateError('SERVICE_NOT_STOPPED', `${name} should be stopped, found it ${now}.`);
    },

    async runScript({ folder, timeoutMs, endFile, onOutput }) {
      await refuseForeignScript(folder);
      type Line = { text: string } | ScriptEnd;
      const last = await askInit<Line>(root, '/script/run', { folder, timeoutMs, endFile }, (line) => {
        if ('text' in line) onOutput(line.text);
      });
      return last as ScriptEnd;
    },
    async killScript() {
      await askInit(root, '/script/kill', {});
    },
    runProgram: (path, timeoutMs) => run(path, [], { timeoutMs, env: { OPQ_BOX_ROOT: root } }),

    ...wayBack(root),
    sync: () => syncFileSystem(root),

    async endDaemon() {
      const up = await state('any.service').catch(() => undefined); // nobody answers: it is down
      if (up) throw new UpdateError('BUSY', `The scratch box in ${root} is up: end it first.`);
    },
    startDaemon: async () => {},
    async reboot() {
      await systemctl('reboot');
    },
  };
}

/**
 * A script made for a real box writes to /usr and /etc. Here that would be this machine's own, so only a script
 * that knows of OPQ_BOX_ROOT runs.
 */
async function refuseForeignScript(folder: string): Promise<void> {
  for (const script of await scriptsIn(folder)) {
    if ((await readFile(join(folder, script), 'latin1')).includes('OPQ_BOX_ROOT')) continue;
    throw new UpdateError(
      'INSTALL_SCRIPT_FAILED',
      `${script} does not use OPQ_BOX_ROOT, so on a scratch box it would write to this machine itself: not run.`,
    );
  }
}

/** Of an image that was built on demand those of its components, which are all that it runs. */
async function scriptsIn(folder: string): Promise<string[]> {
  if ((await readFile(join(folder, installScriptName), 'latin1')) !== attendedInstallScript) return [installScriptName];
  const below = await readdir(folder, { recursive: true });
  return below.filter((name) => /^([^/]+\/install|\.removed\/[^/]+)\.sh$/.test(name));
}
