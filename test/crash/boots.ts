/** Boots of a box of the crash proof, from whatever is on its disk until it rests. */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Box, Gateway } from '../../daemon/box/box.ts';
import { type Daemon, startDaemon } from '../../daemon/daemon.ts';
import { keepBeating } from '../../daemon/heartbeat.ts';
import { loadConfig } from '../../daemon/load-config.ts';
import { openLog } from '../../daemon/log.ts';
import { placesUnder } from '../../daemon/places.ts';
import type { Clock, Resident } from '../../daemon/tools.ts';
import type { Worker } from '../../daemon/work/worker.ts';
import { crashBox, rebootMark, startServices, textOf } from './box.ts';
import { unmounted } from './operations.ts';

/** What a person, or the schedule, does to a box at rest. */
export type Action =
  | { readonly do: 'check' }
  | { readonly do: 'file'; readonly path: string }
  | { readonly do: 'undo' };

export interface Machine {
  readonly root: string;
  /** Folder with `systemctl` and `reboot` of this box. */
  readonly bin: string;
  /** The guard as it is in the repository. */
  readonly guard: string;
  /** True: a guard that decides nothing is played, and so is `sync`; the guard's own writes have points of their own. */
  readonly quick?: boolean;
  /** What lies behind its network; default: nothing. */
  readonly gateway?: Gateway;
  newWorker(): Worker;
  say(line: string): void;
  /** Wall clock at the start, ms. */
  readonly nowMs: number;
  /** True when the box is as another one was that came to this step: what follows is known. */
  knownFrom?(step: string): boolean;
}

/** Left in `run/` once the updater was started in this boot. */
export const updaterMark = 'run/updater-started';

/** A box that boots this often without coming to rest never will. */
const maxBoots = 12;
const restMs = 600_000;

export interface Start {
  /** The box is up: only the updater starts anew. */
  readonly up?: boolean;
  /** The updater does not start in the first boot, and the guard's watch looks. */
  readonly silent?: boolean;
}

/** Boots the box until it rests, or until what follows is known, and does one action at each rest. */
export async function toRest(
  machine: Machine,
  actions: readonly Action[],
  start: Start = {},
): Promise<'rest' | 'known'> {
  const left = [...actions];
  const clock = skippingClock(machine.nowMs);
  let { up = false, silent = false } = start;
  for (let boots = up ? 0 : 1; boots <= maxBoots; boots++) {
    if (!up && startBoot(machine) === 'known') return 'known';
    if (silent) guard(machine, 'watch');
    up = silent = false;
    const end = rebootAsked(machine) ? 'reboot' : await runUpdater(machine, clock, left);
    if (end !== 'reboot') return end;
    goDown(machine);
  }
  throw new Error(`the box did not come to rest in ${maxBoots} boots`);
}

const rebootAsked = ({ root }: Machine) => existsSync(join(root, rebootMark));

function startBoot(machine: Machine): 'known' | undefined {
  const { root, say } = machine;
  rmSync(join(root, 'run'), { recursive: true, force: true, maxRetries: 50, retryDelay: 5 });
  mkdirSync(join(root, 'run'));
  writeFileSync(join(root, 'run/boot_id'), `${randomUUID()}\n`);
  say('boots');
  const acted = guard(machine, 'boot');
  if (!rebootAsked(machine)) startServices(root);
  return acted && machine.knownFrom?.('boot') ? 'known' : undefined;
}

function goDown(machine: Machine): void {
  const { root, say } = machine;
  say('goes down');
  guard(machine, 'shutdown');
  writeFileSync(join(root, unmounted), '');
}

/** @returns false when it decided nothing, and was only played */
function guard(machine: Machine, verb: 'boot' | 'watch' | 'shutdown'): boolean {
  const { root, bin, guard: program, say, quick } = machine;
  if (quick && playGuard(root, verb)) return false;
  const env = {
    PATH: process.env.PATH,
    OPQ_ROOT: root,
    OPQ_SYSTEMCTL: join(bin, 'systemctl'),
    OPQ_UPTIME: join(bin, 'uptime'),
  };
  try {
    execFileSync('sh', [program, verb], { env, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  } catch (error) {
    say(`guard ${verb}: ${(error as { stderr: string }).stderr}`);
  }
  return true;
}

const state = 'var/lib/opq-updater';
const orderly = `${state}/orderly-shutdown`;

/** Boots on trial, this one included, when counting them is all that the guard does; undefined when it does more. */
function onlyCounted(root: string): number | undefined {
  const trial = (name: string) => join(root, state, 'trial', name);
  if (existsSync(trial('guard-begun'))) return undefined;
  const [line = ''] = (textOf(trial('boots')) ?? '').split('\n');
  const boots = (/^\d{1,9}$/.test(line) ? Number(line) : 0) + 1;
  const limit = /^trial_boots=(\d{1,9})$/m.exec(textOf(trial('about')) ?? '')?.[1] ?? 3;
  return boots <= Number(limit) ? boots : undefined;
}

/** The guard where it decides nothing. @returns false when it has to be started */
function playGuard(root: string, verb: 'boot' | 'watch' | 'shutdown'): boolean {
  if (verb === 'watch') return false;
  if (verb === 'shutdown') {
    writeFileSync(join(root, orderly), '0\n');
    return true;
  }
  const trial = join(root, state, 'trial');
  const idle = !existsSync(trial) || existsSync(join(trial, 'guard'));
  const boots = idle ? 0 : onlyCounted(root);
  if (boots === undefined) return false;
  if (!idle) writeFileSync(join(trial, 'boots'), `${boots}\n`);
  mkdirSync(join(root, 'run/opq-updater'), { recursive: true });
  const mark = existsSync(join(root, orderly)) ? 'orderly' : 'cut';
  writeFileSync(join(root, 'run/opq-updater/last-shutdown'), `${mark}\n`);
  rmSync(join(root, orderly), { force: true });
  return true;
}

type EndOfRun = 'rest' | 'reboot' | 'known';

async function runUpdater(machine: Machine, clock: Clock, actions: Action[]): Promise<EndOfRun> {
  const { root, bin, newWorker } = machine;
  /** Nothing goes on once it is known how, or once the box goes down. */
  let known = false;
  const say = (line: string) => {
    machine.say(line);
    const step = /^(\w+) update=/.exec(line)?.[1];
    if (step !== undefined && !known) known = machine.knownFrom?.(step) ?? false;
  };
  const never = () => new Promise<never>(() => {});
  const places = placesUnder(root);
  const workers: Worker[] = [];
  const { box: whole, script } = crashBox(root, bin, machine.gateway);
  const box: Box = machine.quick ? { ...whole, sync: async () => {} } : whole;
  writeFileSync(join(root, updaterMark), '');
  const tools: Resident = {
    box: new Proxy(box, { get: (target, name: keyof Box) => (known && name !== 'kind' ? never : target[name]) }),
    places,
    log: openLog(places.logFile, clock.now, say),
    clock,
    updater: { version: '0.0.0', program: process.argv[1]! },
    config: () => (known ? never() : loadConfig(places)),
    newWorker() {
      const worker = newWorker();
      workers.push(worker);
      return worker;
    },
  };
  const endIntervals = catchIntervals();
  const daemon = await startDaemon(tools, { firstCheckMs: 2 ** 31 - 1 });
  try {
    await Promise.race([keepBeating(tools), until(() => known)]);
    for (;;) {
      const end = await endOfWork(machine, daemon, () => known);
      if (end !== 'rest') return end;
      const next = actions.shift();
      if (!next) return 'rest';
      await begin(daemon, next);
    }
  } finally {
    // It does nothing from here on. The script that asked for a reboot may come to its end, as on a box.
    known = true;
    endIntervals();
    await script.finish(1000);
    daemon.stop();
    for (const worker of workers) worker.close();
    // What it still has in hand, such as counting how it ended.
    await sleep(3);
  }
}

/** A process that ends takes its intervals along; here it goes on as the next box. */
function catchIntervals(): () => void {
  const { setInterval: real } = globalThis;
  const caught: NodeJS.Timeout[] = [];
  globalThis.setInterval = ((...args: Parameters<typeof real>) => {
    const timer = real(...args);
    caught.push(timer);
    return timer;
  }) as typeof real;
  return () => {
    globalThis.setInterval = real;
    caught.forEach(clearInterval);
  };
}

async function endOfWork(machine: Machine, { updates }: Daemon, known: () => boolean): Promise<EndOfRun> {
  const look = () => (known() ? 'known' : rebootAsked(machine) ? 'reboot' : updates.resting ? 'rest' : undefined);
  const end = await until(look);
  if (end) return end;
  throw new Error(`the updater is still in ${updates.at.step} after ${restMs / 1000} s`);
}

/** What `look` finds in the end; undefined when that takes too long. */
async function until<T>(look: () => T): Promise<T | undefined> {
  const end = performance.now() + restMs;
  while (performance.now() < end) {
    const found = look();
    if (found) return found;
    await sleep(3);
  }
  return undefined;
}

async function begin(daemon: Daemon, action: Action): Promise<void> {
  switch (action.do) {
    case 'check': {
      const answer = await daemon.check({ install: true, by: 'person', counts: true });
      if (!answer.begun) throw new Error(`the check began nothing: ${JSON.stringify(answer)}`);
      return;
    }
    case 'file':
      await daemon.installFile({ path: action.path, retry: false, allowDowngrade: false });
      return;
    case 'undo':
      await daemon.updates.undo();
  }
}

/** A clock on which waiting takes no time. */
function skippingClock(startMs: number): Clock {
  const began = performance.now();
  let skipped = 0;
  const passed = () => performance.now() - began + skipped;
  return {
    now: () => startMs + Math.floor(passed()),
    monotonic: passed,
    uptimeS: () => 100,
    async sleep(ms) {
      skipped += ms;
      await sleep(1);
    },
  };
}
