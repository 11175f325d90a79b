import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { it as plainIt } from 'vitest';
import type { HistoryEntry, Status } from '../../protocol/control.ts';
import { asUpdateError, type UpdateError } from '../../protocol/errors.ts';
import { type Daemon, daemonAt } from '../../ui/cli/client.ts';
import { documents, type Ended, runCli } from './run-cli.ts';
import { type Release, release, treeOf } from './scratch-release.ts';

const bundle = new URL('../../dist/opq-updater.js', import.meta.url);

export interface BoxOptions {
  /** Configuration beside what makes a test quick; a text is written as it is. */
  readonly config?: Readonly<Record<string, unknown>> | string;
  /** PEM files to pin. */
  readonly keys?: readonly string[];
  /** When the schedule asks first; by default in no test's lifetime. */
  readonly firstCheckS?: number;
}

/** A whole box in a folder outside the repository, of which nothing but the one bundle is there. */
export interface ScratchBox {
  /** `/` of the box. */
  readonly root: string;
  at(path: string): string;
  /** The control socket, as root has it. */
  readonly daemon: Daemon;
  /** What it printed so far, over all its boots. */
  console(): string;
  /** Starts it and waits until the daemon answers. */
  boot(): Promise<void>;
  /** Ends it in order, as a shutdown does. */
  shutdown(): Promise<void>;
  /** All of its processes end at once, as when the mains go. */
  cutPower(): Promise<void>;
  /** The daemon alone ends; whoever started it starts it again. */
  killDaemon(): void;
  /** Runs opq-updater on this box to its end. */
  cli(...args: string[]): Promise<Ended>;
  /** The step in the journal, now. */
  step(): string | undefined;
  /** Resolves in the moment in which the journal names this step. */
  reaches(step: string): Promise<void>;
  status(): Promise<Status>;
  /** Begins an update from a package in some folder. */
  install(path: string, how?: { retry?: boolean }): Promise<string>;
  /** The end of this update, once the box rests. */
  ended(id: string): Promise<HistoryEntry>;
  /** Everything below /usr and /etc, to compare byte for byte. */
  tree(): Record<string, string>;
  /** Release whose service process is running now, as seen from outside. */
  runs(): number | undefined;
}

/** A test with boxes: what it starts is ended and removed when it is over. */
export const it = plainIt.extend<{ newBox(options?: BoxOptions): Promise<ScratchBox> }>({
  newBox: async ({ task: _ }, use) => {
    const boxes: Awaited<ReturnType<typeof makeBox>>[] = [];
    await use(async (options = {}) => {
      const box = await makeBox(options);
      boxes.push(box);
      await box.boot();
      return box;
    });
    await Promise.all(boxes.map((box) => box.remove()));
  },
});

/** The release that every box of a test starts with. */
export const oldRelease = release(1_550_000_001);

async function makeBox({ config = {}, keys = [], firstCheckS = 999_999 }: BoxOptions) {
  const work = await mkdtemp(join(tmpdir(), 'opq-'));
  const root = join(work, 'box');
  const program = join(work, 'opq-updater.js');
  const at = (path: string) => join(root, path);
  const daemon = daemonAt(root);
  let init: ChildProcess | undefined;
  await mkdir(root);
  await copyFile(bundle, program);
  writeTree(root, treeOf(oldRelease));
  await mkdir(at('etc/opq-updater/keys'), { recursive: true });
  for (const [n, key] of keys.entries()) await copyFile(key, at(`etc/opq-updater/keys/key-${n}.pem`));
  const quick = { server_url: 'http://127.0.0.1:9/', health_stable_s: 0, jitter_s: 0, schedule: '0 0 29 2 *' };
  await mkdir(at('etc/opq'));
  await writeFile(
    at('etc/opq/updater_config.json'),
    typeof config === 'string' ? config : JSON.stringify({ ...quick, ...config }),
  );

  const readText = (path: string): string | undefined => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return undefined; // not there now
    }
  };
  const groups = () => ['script-group', 'daemon-group'].flatMap((name) => readText(at(`var/lib/scratch/${name}`)) ?? []);

  const box = {
    root,
    at,
    daemon,
    console: () => readText(join(work, 'console')) ?? '',
    async boot() {
      const output = openSync(join(work, 'console'), 'a');
      init = spawn(process.execPath, [program, 'scratch-box', root, '--first-check-s', String(firstCheckS)], {
        detached: true,
        cwd: work,
        env: { PATH: process.env.PATH },
        stdio: ['ignore', output, output],
      });
      closeSync(output);
      await until('the daemon answers', () => box.status(), box.console);
    },
    async shutdown() {
      const gone = once(init!, 'exit');
      init?.kill('SIGTERM');
      await gone;
      init = undefined;
    },
    async cutPower() {
      if (!init) return;
      const gone = once(init, 'exit');
      // First of all what would start something again.
      endGroup(init.pid!);
      for (const group of groups()) endGroup(Number(group));
      await gone;
      init = undefined;
    },
    killDaemon: () => endProcess(Number(readText(at('var/lib/scratch/daemon-group')))),
    cli: (...args: string[]) => runCli([...args, '--root', root], { path: program }),
    step: () => /"step":"(\w+)"/.exec(JSON.stringify(JSON.parse(readText(at('var/lib/opq-updater/journal.json')) ?? '{}').at?.step && JSON.parse(readText(at('var/lib/opq-updater/journal.json')) ?? '{}').at))?.[1],
    reaches: (step: string) => until(`the step ${step}`, () => box.step() === step, box.console, 3).then(() => {}),
    status: () => daemon.ask('status', {}),
    install: async (path: string, { retry = false } = {}) =>
      (await daemon.ask('install_file', { path, retry, allow_downgrade: false })).id,
    ended: (id: string) =>
      until(
        `the end of ${id}`,
        async () => {
          const { state, last_update } = await box.status();
          return state === 'idle' && last_update?.id === id ? last_update : undefined;
        },
        box.console,
      ),
    tree: () => readTree(root, ['usr', 'etc']),
    runs() {
      const [pid, version] = (readText(at('run/box-config-daemon')) ?? '').trim().split(' ').map(Number);
      return pid && isAlive(pid) ? version : undefined;
    },
    async remove() {
      await box.cutPower();
      await rm(work, { recursive: true, force: true });
    },
  } satisfies ScratchBox & { remove(): Promise<void> };
  return box;
}
