/**
 * What systemd is to a real box: starts the services and the daemon, keeps them running, runs the install script,
 * reboots. It is the first process of a scratch box, and the only one that lives through a "reboot".
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import startProgram from '../../../systemd/start.sh';
import { initServer } from './init-server.ts';
import { endGroup } from './process-group.ts';
import { scriptRunner } from './script.ts';
import { endProcess, supervise } from './services.ts';
import { writeShims } from './shims.ts';
import { readUnit, unitNames } from './unit-file.ts';

export interface ScratchOptions {
  /** Folder that is `/` of the box. */
  readonly root: string;
  /** File that this process runs, opq-updater.js: the factory copy of this box. */
  readonly program: string;
  /** Passed on to the daemon. */
  readonly daemonArgs: readonly string[];
  /** Of this process; services, script and daemon get it with the folder of the box added. */
  readonly environment: NodeJS.ProcessEnv;
}

/** Half a minute on a real box. */
const scriptGraceMs = 5000;

export interface ScratchInit {
  /** Ends everything in order; resolves when all processes are gone. */
  shutdown(): Promise<void>;
}

export async function startScratchBox(options: ScratchOptions, say: (text: string) => void): Promise<ScratchInit> {
  const { root, program } = options;
  const place = (path: string) => join(root, path);
  mkdirSync(place('var/lib/scratch'), { recursive: true });
  const orderlyMark = place('var/lib/scratch/orderly-shutdown');
  const path = `${place('scratch-bin')}:${options.environment.PATH}`;
  const environment = { ...options.environment, PATH: path, OPQ_BOX_ROOT: root };
  writeShims(root, program);
  const script = scriptRunner(environment, place('var/lib/scratch/script-group'));
  const services = supervise(root, environment, say);
  const daemonGroup = place('var/lib/scratch/daemon-group');
  let daemon: ChildProcess | undefined;
  let again: NodeJS.Timeout | undefined;
  let goingDown = false;

  async function boot(): Promise<void> {
    // On a box /run is in memory.
    rmSync(place('run'), { recursive: true, force: true });
    mkdirSync(place('run'), { recursive: true });
    const bootId = randomUUID();
    writeFileSync(place('run/boot_id'), `${bootId}\n`);
    writeFileSync(place('run/last-shutdown'), existsSync(orderlyMark) ? 'orderly\n' : 'cut\n');
    rmSync(orderlyMark, { force: true });
    await server.listen(place('run/init.sock'));
    say(`boot ${bootId.slice(0, 8)}`);
    goingDown = false;
    for (const name of await unitNames(root)) {
      if ((await readUnit(root, name))?.enabled) await services.start(name);
    }
    startDaemon();
  }

  function startDaemon(): void {
    const start = ['-c', startProgram, 'start.sh', 'daemon', '--box', 'scratch', '--root', root];
    const child = spawn('sh', [...start, ...options.daemonArgs], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...environment,
        // With the Node that runs this.
        PATH: `${dirname(process.execPath)}:${path}`,
        OPQ_ROOT: root,
        OPQ_FACTORY: dirname(program),
      },
      detached: true,
    });
    daemon = child;
    // A power cut in a test must end the daemon too.
    writeFileSync(daemonGroup, `${child.pid}\n`);
    child.once('exit', async (code, signal) => {
      // As systemd does with what a service leaves behind: a worker of a dead daemon must not go on writing.
      await endGroup(child.pid!);
      if (goingDown || daemon !== child) return;
      rmSync(daemonGroup, { force: true });
      say(`the daemon ended with ${code ?? signal}, it is started again`);
      again = setTimeout(startDaemon, 500);
    });
  }

  async function goDown(): Promise<void> {
    goingDown = true;
    clearTimeout(again);
    if (daemon) {
      await endProcess(daemon);
      await endGroup(daemon.pid!);
      rmSync(daemonGroup, { force: true });
    }
    await script.finish(scriptGraceMs);
    await services.stopAll();
    await server.close();
    writeFileSync(orderlyMark, '');
  }

  async function reboot(): Promise<void> {
    say('reboots');
    await goDown();
    await boot();
  }

  let rebooting = Promise.resolve();
  const server = initServer({
    services,
    script,
    root,
    reboot() {
      // Once a boot, however many ask for it.
      if (goingDown) return;
      goingDown = true;
      rebooting = sleep(50).then(reboot); // the answer first
    },
  });
  await boot();
  return {
    async shutdown() {
      await rebooting;
      await goDown();
    },
  };
}

/** The id of the boot that a scratch box is in. */
export const readBootId = async (root: string): Promise<string> =>
  (await readFile(join(root, 'run/boot_id'), 'utf8')).trim();
