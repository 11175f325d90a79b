import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Box, Service } from '../../daemon/box/box.ts';
import type { Conditions } from '../../daemon/box/conditions.ts';
import { wayBack } from '../../daemon/box/way-back.ts';
import type { Update } from '../../daemon/facts.ts';
import { loadConfig } from '../../daemon/load-config.ts';
import { openLog } from '../../daemon/log.ts';
import { type Places, placesUnder } from '../../daemon/places.ts';
import type { Tools } from '../../daemon/tools.ts';
import type { TaskName, Worker } from '../../daemon/work/worker.ts';
import { aKey } from './a-key.ts';
import { newVersion, oldVersion } from './samples.ts';

export const service = 'box-config-daemon.service';
/** A box that nothing is the matter with. */
export const wellConditioned: Conditions = {
  rootType: 'ext4',
  rootPersistent: true,
  packagesBusy: false,
  underVoltage: null,
  throttled: null,
  temperatureC: null,
};

const versionPath = '/usr/local/box-config-daemon/VERSION';

/**
 * A box in a fresh folder: files, snapshots and restores are real; reboot, services and the script are played.
 * `over` replaces what a test is about; `calls` tells what was done to the box, in order.
 */
export interface Scene {
  readonly root: string;
  readonly places: Places;
  readonly tools: Tools;
  readonly box: Box;
  readonly calls: string[];
  readonly services: Map<string, Service>;
  readonly update: Update;
  /** Ends the boot as a power cut or an orderly shutdown does; services come up again. */
  nextBoot(how: 'orderly' | 'cut'): void;
  version(): Promise<string>;
}

const usual = { restarts: 0, byHand: false };

export async function scene(
  over: Partial<Box> = {},
  work: Partial<Record<TaskName, (input: never) => unknown>> = {},
): Promise<Scene> {
  const root = await mkdtemp(join(tmpdir(), 'opq-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const places = placesUnder(root);
  const put = async (path: string, text: string) => {
    await mkdir(join(places.at(path), '..'), { recursive: true });
    await writeFile(places.at(path), text);
  };
  await mkdir(places.state, { recursive: true, mode: 0o700 });
  await mkdir(places.run, { recursive: true });
  await mkdir(places.at('/var/opq/updater'), { recursive: true, mode: 0o700 });
  await put(versionPath, `${oldVersion}\n`);
  await put('/usr/local/box-config-daemon/run.sh', 'old\n');
  await put(
    '/etc/opq/updater_config.json',
    '{"server_url":"http://127.0.0.1:1/","health_stable_s":0,"reserve_bytes":0}',
  );

  // Written once the updater is ready for work.
  await put('/run/opq-updater/heartbeat', '100\n');

  const calls: string[] = [];
  const services = new Map<string, Service>([[service, { state: 'active', ...usual }]]);
  let boot = 1;
  let shutdown: 'orderly' | 'cut' = 'orderly';
  const nextBoot = (how: 'orderly' | 'cut') => {
    boot++;
    shutdown = how;
    for (const [name, before] of services)
      services.set(name, { ...before, state: before.byHand ? 'inactive' : 'active', restarts: 0 });
  };
  const played: Box = {
    kind: 'scratch',
    about: 'A box that is played.',
    bootId: async () => `boot-${boot}`,
    lastShutdown: async () => shutdown,
    identity: async () => ({ name: 'played', hardware: 'rpi/3', model: null }),
    clockKnown: async () => true,
    checkUp: async () => [],
    ready: async () => {},
    alive: async () => {},
    conditions: async () => wellConditioned,
    sizeOf: async () => ({ bytes: 1000, inodes: 10 }),
    freeBytes: async () => 2 ** 40,
    freeInodes: async () => 2 ** 20,
    gateway: async () => 'none',
    ownUnits: async () => ({}),
    service: async (name) => services.get(name) ?? { state: 'absent', ...usual },
    startService: async (name) => void services.set(name, { ...usual, ...services.get(name), state: 'active' }),
    stopService: async (name) => void services.set(name, { ...usual, ...services.get(name), state: 'inactive' }),
    async runScript() {
      await put(versionPath, `${newVersion}\n`);
      await put('/usr/local/box-config-daemon/run.sh', 'new\n');
      await put('/etc/opq/added-by-the-release', 'new\n');
      return { exitCode: 0, timedOut: false };
    },
    killScript: async () => {},
    runProgram: async () => ({ exitCode: 0, output: '' }),
    ...wayBack(root),
    sync: async () => {},
    endDaemon: async () => {},
    startDaemon: async () => {},
    reboot: async () => nextBoot('orderly'),
    ...over,
  };
  const told = ['startService', 'stopService', 'runScript', 'killScript', 'restore', 'reboot'] as const;
  const box = { ...played };
  for (const name of told) {
    (box as Record<string, unknown>)[name] = (...args: unknown[]) => {
      calls.push([name, ...args.filter((arg) => typeof arg === 'string' && !arg.startsWith('/'))].join(' '));
      return (played[name] as (...args: unknown[]) => unknown)(...args);
    };
  }
  const tools: Tools = {
    box,
    places,
    log: openLog(places.logFile, Date.now, () => {}),
    worker: playedWorker(places, work),
    clock: {
      now: Date.now,
      monotonic: () => performance.now(),
      uptimeS: () => 100,
      sleep: () => new Promise((done) => setTimeout(done, 1)),
    },
    updater: { version: '1.0.0', program: '/usr/lib/opq-box-updater/opq-updater.js' },
    config: () => loadConfig(places),
    show: () => {},
    cancelled: new AbortController().signal,
    heldBack: async () => undefined,
    undoAsked: () => false,
  };
  const version = async () => (await readFile(places.at(versionPath), 'utf8')).trim();
  return { root, places, tools, box, calls, services, update: anUpdate, nextBoot, version };
}

/** Without a pinned key no update begins. */
export async function pinKey({ places }: Pick<Scene, 'places'>): Promise<void> {
  await mkdir(places.at('/etc/opq-updater/keys'), { recursive: true });
  await writeFile(places.at('/etc/opq-updater/keys/publisher.pem'), aKey);
}

export const anUpdate: Update = {
  id: 'u1',
  from: oldVersion,
  to: newVersion,
  by: 'person',
  source: { kind: 'file', path: '/media/usb/package' },
  retry: false,
  allowDowngrade: false,
  startedAt: '2026-03-01T10:00:00.000Z',
  seconds: {},
  cuts: [],
  signedBy: null,
  sha256: null,
};

export const aRelease = {
  sha256: 'ab'.repeat(32),
  signedBy: `ECDSA P-256 ${'cd'.repeat(32)}`,
  decodedBytes: 10_240,
  unpackedBytes: 100,
  entryCount: 3,
  hardware: null,
  services: [],
  writablePaths: [],
  notes: null,
  components: null,
  updater: null,
  keyLinks: [],
};

const machine = {
  model: null,
  system: 'a system',
  uptime_s: 1,
  processors: 1,
  load: 0,
  memory: { total_bytes: 2, available_bytes: 1 },
  disks: [],
  network: [],
};

/** A worker that has already done everything: the tasks have tests of their own. */
export function playedWorker(places: Places, work: Partial<Record<TaskName, (input: never) => unknown>>): Worker {
  const usual: Record<TaskName, (input: never) => unknown> = {
    latest: () => null,
    build: () => ({ packageUrl: '', signatureUrl: '', sha256: null }),
    fetchKey: () => ({ pem: '' }),
    fetchKeyLinks: () => ({ links: [] }),
    download: () => ({ sizeBytes: 1 }),
    copy: () => ({ sizeBytes: 1 }),
    verify: () => aRelease,
    unpack: () => ({ unpackedBytes: 100 }),
    machine: () => machine,
  };
  return {
    close: () => {},
    async do(name, input) {
      if (name === 'copy' || name === 'download') await writeFile((input as { path: string }).path, 'package');
      await mkdir(places.at('/var/opq/updater'), { recursive: true });
      return (work[name] ?? usual[name])(input as never) as never;
    },
  };
}
