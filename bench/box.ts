import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Setting } from './bench.ts';
import type { Cage } from './cage.ts';
import type { Payload } from './payload.ts';

export interface ScratchBox {
  readonly root: string;
  /** The process that stands in for systemd. */
  readonly init: number;
  /** The resident daemon of now; another one after each reboot. */
  pid(): Promise<number>;
  updater(...args: string[]): Promise<string>;
  /** Until its daemon answers. */
  ready(): Promise<void>;
  /** Kills the daemon, waits until the next one is ready, and says which process that is. */
  restart(): Promise<number>;
  stop(): Promise<void>;
}

/**
 * A box in a folder, as `setup/try.sh` makes one, that takes its releases from `url`.
 * @param inside how its processes are started
 */
export async function startBox(
  setting: Setting,
  payload: Payload,
  url: string,
  config: object = {},
  inside: Cage['inside'] = (program, ...args) => [program, args],
): Promise<ScratchBox> {
  const root = join(setting.folder, 'box');
  const units = join(root, 'etc/systemd/system');
  const program = join(root, 'usr/local/box-config-daemon');
  await rm(root, { recursive: true, force: true });
  for (const folder of [
    program,
    join(units, 'multi-user.target.wants'),
    join(root, 'etc/opq-updater/keys'),
    join(root, 'etc/opq'),
  ]) {
    await mkdir(folder, { recursive: true });
  }
  await cp(join(setting.repo, 'setup/demo/release/box-configuration-daemon'), program, { recursive: true });
  const unit = 'box-config-daemon.service';
  await cp(join(program, unit), join(units, unit));
  await symlink(`../${unit}`, join(units, 'multi-user.target.wants', unit));
  await writeFile(join(program, 'VERSION'), '1\n');
  await cp(payload.publicKey, join(root, 'etc/opq-updater/keys/publisher.pem'));
  const values = { server_url: url, schedule: null, health_stable_s: 1, ...config };
  await writeFile(join(root, 'etc/opq/updater_config.json'), JSON.stringify(values));

  const bundle = join(setting.repo, 'dist/opq-updater.js');
  const box: ChildProcess = spawn(...inside('node', bundle, 'scratch-box', root), { stdio: 'ignore' });
  const updater = async (...args: string[]) => {
    const command = [bundle, ...args, '--root', root];
    const said = promisify(execFile)('node', command, { maxBuffer: 1 << 24 });
    const { stdout } = await said.catch(({ code, stdout, stderr }) => {
      throw new Error(`opq-updater ${args.join(' ')} ended with ${code}: ${stdout.slice(-500)} ${stderr.slice(-500)}`);
    });
    return stdout;
  };
  const ready = async () => {
    for (;;) {
      if (
        await updater('status').then(
          () => true,
          () => false,
        )
      )
        return; // not up yet
      await sleep(200);
    }
  };
  await ready();
  const pid = async () => Number(await readFile(join(root, 'var/lib/scratch/daemon-group'), 'utf8'));
  return {
    root,
    init: box.pid!,
    updater,
    ready,
    pid,
    async restart() {
      // The last thing of a start is its first heartbeat; to ask for the status would cost the daemon something.
      const heartbeat = join(root, 'run/opq-updater/heartbeat');
      await rm(heartbeat);
      process.kill(await pid(), 'SIGKILL');
      while (!existsSync(heartbeat)) await sleep(20);
      await sleep(100);
      return pid();
    },
    async stop() {
      const ended = new Promise((resolve) => box.once('exit', resolve));
      box.kill('SIGTERM');
      await ended;
    },
  };
}
