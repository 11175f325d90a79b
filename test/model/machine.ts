import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Box } from '../../daemon/box/box.ts';
import type { Offer } from '../../daemon/facts.ts';
import { loadConfig } from '../../daemon/load-config.ts';
import { placesUnder } from '../../daemon/places.ts';
import type { Clock, Resident } from '../../daemon/tools.ts';
import type { TaskName, Worker } from '../../daemon/work/worker.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { aKey } from '../support/a-key.ts';
import { aRelease, service, wellConditioned } from '../support/fake-box.ts';
import { oldVersion } from '../support/samples.ts';

/** What may be wrong with a release. */
export const kinds = [
  'good',
  'script fails',
  'script reboots early',
  'script reboots at its end',
  'service fails',
  'updater does not start',
  'forged',
] as const;
export type Kind = (typeof kinds)[number];

/** Never settles: what is asked of a machine that is off. */
const never = new Promise<never>(() => {});

const versionPath = '/usr/local/box-config-daemon/VERSION';
const programPath = '/usr/local/box-config-daemon/run.sh';

/** Of a daemon that died here, a call may still be in the hands of Node's threads, and put one more file there. */
export function removeTree(path: string, tries = 5): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    if (tries === 1 || (error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
    removeTree(path, tries - 1);
  }
}

export type Machine = ReturnType<typeof newMachine>;

/**
 * A box whose disk is a real folder and whose everything else is played: services, script, reboot, snapshot, clock
 * and server. Power goes, or the daemon dies, before or after anything that the daemon has the box do.
 */
export function newMachine(root: string) {
  const places = placesUnder(root);
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const text = (path: string): string => (existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : '');

  const releases = new Map<number, Kind>([[oldVersion, 'good']]);
  let boot = 0;
  let shutdown: 'orderly' | 'cut' = 'orderly';
  /** Each daemon's own: what an earlier one still has in hand reaches nothing any more. */
  let life = 0;
  let stopped = new Set<string>();
  let fuse: { calls: number; what: 'cut' | 'death' } | undefined;
  let full = 0;
  let network = true;
  const clocks = { wallMs: 1_700_000_000_000, upMs: 0 };
  /** What ended the present life. */
  let ended: 'cut' | 'death' | 'reboot' | undefined;

  put(versionPath, `${oldVersion}\n`);
  put(programPath, `${oldVersion}\n`);
  put('/etc/opq-updater/keys/publisher.pem', aKey);
  put('/etc/opq/updater_config.json', '{"server_url":"http://127.0.0.1:1/","health_stable_s":1,"reserve_bytes":0}');
  mkdirSync(places.state, { recursive: true, mode: 0o700 });

  function end(how: NonNullable<typeof ended>): Promise<never> {
    ended = how;
    life++;
    fuse = undefined;
    return never;
  }

  /** Between two things that happen: nothing goes on when the power is gone. */
  async function moment(mine: number): Promise<void> {
    if (mine !== life) return never;
    clocks.upMs += 10;
    clocks.wallMs += 10;
    if (fuse && --fuse.calls < 0) return end(fuse.what);
  }

  const runs = (): number => Number.parseInt(text(programPath), 10);
  const state = (name: string) => {
    if (name !== service) return { state: 'absent' as const, restarts: 0, byHand: false };
    if (stopped.has(name)) return { state: 'inactive' as const, restarts: 0, byHand: false };
    return {
      state: releases.get(runs()) === 'service fails' ? ('failed' as const) : ('active' as const),
      restarts: 0,
      byHand: false,
    };
  };

  function needSpace(): void {
    if (full === 0) return;
    full--;
    throw new UpdateError('DISK_FULL', 'No space left on device.');
  }

  /** The folders of a snapshot, as files with the same names. */
  const copied = [versionPath, programPath];

  const playedBox = (mine: number): Box => ({
    kind: 'scratch',
    about: 'A box that is played.',
    bootId: async () => `boot-${boot}`,
    lastShutdown: async () => shutdown,
    identity: async () => ({ name: 'played', hardware: 'rpi/3', model: null }),
    clockKnown: async () => clocks.wallMs > 1_600_000_000_000,
    conditions: async () => wellConditioned,
    sizeOf: async () => ({ bytes: 1000, inodes: 10 }),
    checkUp: async () => [],
    ready: async () => {},
    alive: async () => {},
    freeBytes: async () => 2 ** 40,
    freeInodes: async () => 2 ** 20,
    gateway: async () => 'none',
    ownUnits: async () => ({}),
    service: async (name) => state(name),
    startService: async (name) => void stopped.delete(name),
    stopService: async (name) => void stopped.add(name),
    async runScript({ folder, endFile }) {
      const to = Number(/(\d+)$/.exec(folder)?.[1]);
      const kind = releases.get(to);
      put(programPath, `${to}\n`);
      await moment(mine);
      if (kind === 'script fails') return { exitCode: 3, timedOut: false };
      if (kind === 'script reboots early') {
        writeFileSync(endFile, 'result=timeout\ncode=killed\nstatus=KILL\n');
        return end('reboot');
      }
      put(versionPath, `${to}\n`);
      await moment(mine);
      if (kind === 'script reboots at its end') {
        writeFileSync(endFile, 'result=success\ncode=exited\nstatus=0\n');
        return end('reboot');
      }
      return { exitCode: 0, timedOut: false };
    },
    killScript: async () => {},
    runProgram: async () => ({ exitCode: 0, output: '' }),
    async snapshot(folder, _, about) {
      needSpace();
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(`${folder}.making`, { recursive: true });
      for (const [n, path] of copied.entries()) writeFileSync(join(`${folder}.making`, `${n}`), text(path));
      const lines = Object.entries({ format: 1, ...about }).map(([key, value]) => `${key}=${value}\n`);
      writeFileSync(join(`${folder}.making`, 'about'), lines.join(''));
      writeFileSync(join(`${folder}.making`, 'folders'), `${dirname(programPath).slice(1)}\n`);
      writeFileSync(join(`${folder}.making`, 'absent'), '');
      renameSync(`${folder}.making`, folder);
    },
    snapshotHolds: async (folder) =>
      copied.every((path, n) => text(path) === readFileSync(join(folder, `${n}`), 'utf8')),
    onlyWrittenSince: async () => false,
    snapshotIntact: async (folder) => existsSync(join(folder, 'about')),
    async restore(folder) {
      for (const [n, path] of copied.entries()) {
        put(path, readFileSync(join(folder, `${n}`), 'utf8'));
        await moment(mine);
      }
    },
    // Nobody but releases changes this box.
    noteAfter: async (folder) => writeFileSync(join(folder, 'after'), ''),
    lookAtUndo: async () => {
      const nothing = { restore: [], aside: [], asideBytes: 0, leave: [], merged: new Map() };
      return { ...nothing, need: { bytes: 1000, inodes: 10 } };
    },
    async prepareUndo(folder, { into, enough }) {
      needSpace();
      await enough({ bytes: 1000, inodes: 10 });
      rmSync(into, { recursive: true, force: true });
      cpSync(folder, `${into}.making`, { recursive: true });
      await moment(mine);
      renameSync(`${into}.making`, into);
    },
    sync: async () => {},
    endDaemon: async () => {},
    startDaemon: async () => {},
    reboot: async () => void end('reboot'),
  });

  const playedWorker = (mine: number): Worker => ({
    close: () => {},
    async do(name, input) {
      await moment(mine);
      const result = await work(name, input as { path?: string; folder?: string; version?: number });
      await moment(mine);
      return result as never;
    },
  });

  async function work(
    name: TaskName,
    { path, folder, version = 0 }: { path?: string; folder?: string; version?: number },
  ) {
    if (!network && name !== 'verify' && name !== 'unpack') throw new UpdateError('SERVER_UNREACHABLE', 'No answer.');
    if (name === 'download' && path) {
      needSpace();
      writeFileSync(path, 'package');
    }
    if (name === 'verify') {
      if (releases.get(version) === 'forged') throw new UpdateError('SIGNATURE_INVALID', 'No pinned key made it.');
      return { ...aRelease, sha256: String(version).padStart(64, '0') };
    }
    if (name === 'unpack' && folder) {
      needSpace();
      mkdirSync(folder, { recursive: true });
      return { unpackedBytes: 100 };
    }
    return name === 'latest' ? offered() : { sizeBytes: 7 };
  }

  function offered(): Offer {
    const version = Math.max(...releases.keys());
    const url = `http://127.0.0.1:1/${version}`;
    const unknown = { sha256: null, hardware: null, notes: null, components: null };
    return { channel: 'detached', version, packageUrl: url, signatureUrl: url, sizeBytes: 7, ...unknown };
  }

  const clockOf = (mine: number): Clock => ({
    now: () => clocks.wallMs,
    monotonic: () => clocks.upMs,
    uptimeS: () => Math.floor(clocks.upMs / 1000),
    async sleep(ms) {
      clocks.upMs += ms;
      clocks.wallMs += ms;
      await moment(mine);
    },
  });

  return {
    root,
    places,
    releases,
    /** Versions as the disk has them: of the program, and of VERSION. */
    onDisk: () => ({ program: runs(), version: Number.parseInt(text(versionPath), 10) }),
    service: () => state(service).state,
    get ended() {
      return ended;
    },
    /** Comes up again after whatever ended it; what is in memory is gone but after a mere death. */
    start(): Resident {
      if (ended !== 'death') {
        boot++;
        shutdown = ended === 'cut' ? 'cut' : 'orderly';
        stopped = new Set();
        clocks.upMs = 0;
        removeTree(places.run);
      }
      ended = undefined;
      const mine = life;
      const box = playedBox(mine);
      for (const name of Object.keys(box) as (keyof Box)[]) {
        const play = box[name];
        if (typeof play !== 'function') continue;
        (box as unknown as Record<string, unknown>)[name] = async (...args: unknown[]) => {
          await moment(mine);
          const result = await (play as (...all: unknown[]) => unknown)(...args);
          await moment(mine);
          return result;
        };
      }
      const log = { info() {}, daily() {}, warn() {}, error() {}, tail: async () => [], follow: () => () => {} };
      return {
        box,
        places,
        log,
        clock: clockOf(mine),
        updater: { version: '1.0.0', program: '' },
        newWorker: () => playedWorker(mine),
        config: () => loadConfig(places),
      };
    },
    /** The updater of the release on the disk does not come up: how the guard sees it. */
    updaterIsBroken: () => releases.get(runs()) === 'updater does not start',
    powerOff: (how: 'cut' | 'death') => void end(how),
    /** After so many calls to the box the power goes, or the daemon dies. */
    light: (what: 'cut' | 'death', calls: number) => {
      fuse = { calls, what };
    },
    fill: (times: number) => {
      full = times;
    },
    setNetwork: (up: boolean) => {
      network = up;
    },
    jump: (seconds: number) => {
      clocks.wallMs = Math.max(0, clocks.wallMs + seconds * 1000);
    },
    /** Nothing is in the way any more. */
    calm(): void {
      fuse = undefined;
      full = 0;
      network = true;
    },
    publish: (kind: Kind): number => {
      const version = Math.max(...releases.keys()) + 1;
      releases.set(version, kind);
      return version;
    },
  };
}
