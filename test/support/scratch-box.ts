import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it as plainIt, vi } from 'vitest';
import { askInit } from '../../daemon/box/scratch/init-client.ts';
import { type HistoryEntry, type Status, updateSteps } from '../../protocol/views.ts';
import { type Daemon, daemonAt } from '../../ui/cli/client.ts';
import { copyUpdater } from './an-updater.ts';
import { isAlive, killGroup, processesOf, send } from './processes.ts';
import { openPublisher, type Publisher, type UpdateServer } from './publisher.ts';
import { type Release, readTree, release, writeTree } from './scratch-release.ts';
import { type SlowLine, slowLine } from './slow-line.ts';
import { until } from './until.ts';

// A test here starts some dozen programs, and the machine may be busy with others.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

export interface BoxOptions {
  /** Configuration, beside what makes a test quick. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** PEM files of the keys to pin; the publisher's own by default. */
  readonly keys?: readonly string[];
  /** PEM files of builders. */
  readonly builderKeys?: readonly string[];
  /** When the schedule asks first, in each boot; by default in no test's lifetime. */
  readonly firstCheckS?: number;
  /** Where its programs are looked for; those of this machine by default. */
  readonly path?: string;
}

export type ScratchBox = ReturnType<typeof boxIn>;

/** A test with boxes and a publisher: whatever they started is ended, and removed, when it is over. */
export const it = plainIt.extend<{
  publisher: Publisher;
  newBox: (options?: BoxOptions) => Promise<ScratchBox>;
  serve: (...releases: Release[]) => Promise<UpdateServer>;
  slowLine: (serverUrl: string) => Promise<SlowLine>;
}>({
  publisher: [
    // biome-ignore lint/correctness/noEmptyPattern: vitest wants to see that it needs nothing
    async ({}, use) => {
      const publisher = await openPublisher();
      await use(publisher);
      await publisher.close();
    },
    { scope: 'file' },
  ],
  newBox: async ({ publisher, task }, use) => {
    const boxes: { box: ScratchBox; work: string }[] = [];
    await use(async (options = {}) => {
      const made = await makeBox({ keys: [publisher.key.publicPath], ...options });
      boxes.push(made);
      await made.box.boot();
      return made.box;
    });
    for (const { box, work } of boxes) {
      // What it printed is the best there is to find out why.
      if (task.result?.state === 'fail') console.log(`${task.name}\n${box.console()}`);
      await box.cutPower();
      await rm(work, { recursive: true, force: true });
    }
  },
  serve: async ({ publisher }, use) => {
    const servers: UpdateServer[] = [];
    await use(async (...releases) => {
      const server = await publisher.serve(...releases);
      servers.push(server);
      return server;
    });
    for (const server of servers) await server.kill();
  },
  slowLine: async ({ task: _ }, use) => {
    const lines: SlowLine[] = [];
    await use(async (serverUrl) => {
      const line = await slowLine(serverUrl, 40_000);
      lines.push(line);
      return line;
    });
    for (const line of lines) await line.end();
  },
});

/** A box that does not run yet, and the folder that it and its program lie in. */
export async function makeBox(options: BoxOptions): Promise<{ box: ScratchBox; work: string }> {
  const work = await mkdtemp(join(tmpdir(), 'opq-'));
  const box = boxIn(work, options);
  await furnish(work, box.root, options);
  return { box, work };
}

/** What every box runs at first. */
export const oldRelease = release(1_550_000_001);

/** Nothing of the repository but the program and its parts, as on a real box. */
async function furnish(
  work: string,
  root: string,
  { config = {}, keys = [], builderKeys = [] }: BoxOptions,
): Promise<void> {
  await mkdir(join(root, 'etc/opq-updater/keys'), { recursive: true });
  await mkdir(join(root, 'etc/opq'));
  await copyUpdater(work);
  writeTree(root, oldRelease.tree);
  for (const [n, key] of keys.entries()) await copyFile(key, join(root, `etc/opq-updater/keys/key-${n}.pem`));
  if (builderKeys.length > 0) await mkdir(join(root, 'etc/opq-updater/builder-keys'));
  for (const [n, key] of builderKeys.entries())
    await copyFile(key, join(root, `etc/opq-updater/builder-keys/key-${n}.pem`));
  const quick = { server_url: 'http://127.0.0.1:9/', health_stable_s: 0, jitter_s: 0, schedule: '0 0 29 2 *' };
  await writeFile(join(root, 'etc/opq/updater_config.json'), JSON.stringify({ ...quick, ...config }));
}

/** In their order on the way; an update is at rest again last. */
const stepNames: readonly string[] = [...updateSteps, 'stuck', 'idle'];

/** Any of the documents that opq-updater prints: a verdict, an error, an answer. */
// biome-ignore lint/suspicious/noExplicitAny: a test says what it expects in it
type Document = any;

/** A whole box below a folder, seen from outside: its files, its processes, its socket and its command line. */
function boxIn(work: string, { firstCheckS = 99_999, path = process.env.PATH }: BoxOptions) {
  const root = join(work, 'box');
  const at = (path: string) => join(root, path);
  const program = join(work, 'opq-updater.js');
  const daemon: Daemon = daemonAt(root);
  let init: { pid: number; gone: Promise<unknown> } | undefined;

  const box = {
    root,
    at,
    /** The control socket, as root has it. */
    daemon,
    program,
    /** What it printed so far, over all its boots. */
    console: () => textOf(join(work, 'console')),

    /** Starts it, and waits until the daemon answers. */
    async boot(): Promise<void> {
      this.powerOn();
      await box.until('the daemon answers', () => box.status());
    },
    powerOn(): void {
      const output = openSync(join(work, 'console'), 'a');
      const child = spawn(process.execPath, [program, 'scratch-box', root, '--first-check-s', String(firstCheckS)], {
        detached: true,
        cwd: work,
        env: { PATH: path },
        stdio: ['ignore', output, output],
      });
      closeSync(output);
      init = { pid: child.pid!, gone: once(child, 'exit') };
    },
    /** Ends it in order. */
    async shutdown(): Promise<void> {
      if (init) process.kill(init.pid, 'SIGTERM');
      await init?.gone;
      init = undefined;
    },
    /** All its processes end at once, as when the mains go. */
    async cutPower(): Promise<void> {
      if (!init) return;
      // Stopped before they end: nobody may notice that another one is gone.
      for (const signal of ['SIGSTOP', 'SIGKILL'] as const) {
        for (const pid of processesOf(work)) send(signal, pid);
      }
      await init.gone;
      init = undefined;
      await until('the end of all processes', () => {
        const left = processesOf(work);
        for (const pid of left) send('SIGKILL', pid);
        return left.length === 0;
      });
    },
    /** The daemon alone ends, with its worker; the box starts it again. */
    killDaemon: (): void => killGroup(Number(textOf(at('var/lib/scratch/daemon-group')))),

    /** Runs opq-updater on this box to its end: exit code, and the last document that it printed. */
    cli: (...args: string[]): Promise<{ exitCode: number; last: Document }> =>
      new Promise((resolve) => {
        const command = [program, ...args, '--root', root, '--json'];
        execFile(process.execPath, command, { maxBuffer: 2 ** 26 }, (error, stdout) => {
          const last = JSON.parse(stdout.trimEnd().split('\n').at(-1) || 'null');
          resolve({ exitCode: error === null ? 0 : Number(error.code), last });
        });
      }),
    status: (): Promise<Status> => daemon.ask('status', {}),
    /** Begins an update from a package on a stick. */
    install: async (path: string, how: { retry?: boolean } = {}): Promise<string> =>
      (await daemon.ask('install_file', { path, retry: false, allow_downgrade: false, ...how })).id,
    /** How an update ended, once the box rests. */
    async ended(id: string, patienceS?: number): Promise<HistoryEntry> {
      // The file first, as a status takes a while to make.
      const ends = () => textOf(at('var/lib/opq-updater/history.jsonl')).includes(`"${id}"`);
      await box.until(`the end of ${id}`, ends, 25, patienceS);
      return box.until(`a rest after ${id}`, async () => {
        const { state, last_update } = await box.status();
        return state === 'idle' && last_update?.id === id && last_update;
      });
    },
    history: (): Promise<HistoryEntry[]> => daemon.ask('history', {}),
    /** The step that the journal names now, if it is that of this update. */
    step(id?: string): string | undefined {
      const { at: now } = JSON.parse(textOf(at('var/lib/opq-updater/journal.json')) || '{}');
      return id === undefined || now?.update?.id === id ? now?.step : undefined;
    },
    /** Comes back in the moment in which the journal of this update names this step; a busy machine may see a later one. */
    reaches: (step: string, id: string) =>
      box.until(`the step ${step}`, () => stepNames.indexOf(box.step(id) ?? '') >= stepNames.indexOf(step), 3),
    until: <T>(what: string, look: () => T | Promise<T>, everyMs = 25, patienceS = 100) =>
      until(what, look, { everyMs, patienceMs: patienceS * 1000, note: () => box.console() }),

    touch: (path: string): void => writeFileSync(at(path), ''),
    write: (path: string, content: string | Buffer): void => writeFileSync(at(path), content),
    has: (path: string): boolean => existsSync(at(path)),
    sizeOf: (path: string): number => statSync(at(path)).size,
    names: (path: string): string[] => readdirSync(at(path)).sort(),
    /** Everything below /usr and /etc, byte for byte. */
    tree: () => readTree(root, ['usr', 'etc']),
    serviceProcess: (): number => Number.parseInt(textOf(at('run/box-config-daemon')), 10),
    /** The release whose service process is alive. */
    serving: (): number | undefined =>
      isAlive(box.serviceProcess()) ? Number(textOf(at('run/box-config-daemon')).split(' ')[1]) : undefined,
    systemctl: (...args: string[]) => askInit(root, '/systemctl', { args }),
  };
  return box;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // not there now
  }
}
