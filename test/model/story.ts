import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Daemon, startDaemon } from '../../daemon/daemon.ts';
import { readHistory } from '../../daemon/history.ts';
import { UpdateError } from '../../protocol/errors.ts';
import type { Event } from './events.ts';
import { type Machine, newMachine } from './machine.ts';

/** More boots than this for one event, and it is a loop. */
const maxBoots = 12;
const hangMs = 60_000;

/** @returns boots that it took */
export async function live(root: string, guard: string, events: readonly Event[]): Promise<number> {
  const machine = newMachine(root);
  let daemon = await bootUp(machine, guard);
  let boots = 1;
  for (const event of events) {
    await happen(event, machine, daemon);
    ({ daemon, boots } = await rest(machine, daemon, guard, boots));
    await expectWhole(machine, daemon);
  }
  machine.calm();
  await expectNoDeadEnd(machine, daemon, guard);
  daemon.stop();
  return boots;
}

/** Begins what an event is; what the daemon refuses is as good as what it does. */
async function happen(event: Event, machine: Machine, daemon: Daemon): Promise<void> {
  switch (event.is) {
    case 'new release':
      machine.publish(event.kind);
      return;
    case 'check by the schedule':
      return asked(machine, daemon.check({ install: true, by: 'schedule', counts: true }));
    case 'install by a person':
      return asked(machine, daemon.install({ retry: event.retry }));
    case 'undo by a person':
      return asked(machine, daemon.updates.undo());
    case 'cancel by a person':
      await asked(machine, daemon.install({ retry: false }));
      for (let turn = 0; turn < event.after && !machine.ended; turn++) await nextTurn();
      return asked(
        machine,
        Promise.resolve().then(() => daemon.updates.cancel()),
      );
    case 'postponed':
      return asked(machine, daemon.postpone(event.hours * 3600, 'a story'));
    case 'power cut':
      return machine.light('cut', event.after);
    case 'daemon killed':
      return machine.light('death', event.after);
    case 'disk full':
      return machine.fill(event.times);
    case 'network':
      return machine.setNetwork(event.up);
    case 'clock jumps':
      return machine.jump(event.seconds);
  }
}

/** Until it is answered, or nobody is there any more to answer. */
async function asked(machine: Machine, answer: Promise<unknown>): Promise<void> {
  let done = false;
  let failed: unknown;
  answer.then(
    () => {
      done = true;
    },
    (error) => {
      done = true;
      failed = error;
    },
  );
  await until('an answer', () => done || machine.ended !== undefined);
  // Refusing is fine, surprise is not.
  if (failed !== undefined && !(failed instanceof UpdateError && failed.code !== 'INTERNAL')) throw failed;
}

/** Boots as often as it takes until nothing is under way. */
async function rest(machine: Machine, daemon: Daemon, guard: string, boots: number) {
  let now = daemon;
  const limit = boots + maxBoots;
  for (let count = boots; ; count++) {
    await until('a rest', () => machine.ended !== undefined || now.updates.resting);
    if (machine.ended === undefined) return { daemon: now, boots: count };
    if (count > limit) throw new Error(`No rest after ${maxBoots} boots.`);
    now.stop();
    now = await bootUp(machine, guard);
  }
}

/** Starts the daemon; where the release on trial broke it, the guard counts until it has enough. */
async function bootUp(machine: Machine, guard: string): Promise<Daemon> {
  for (let n = 0; n <= maxBoots; n++) {
    await stillness();
    const tools = machine.start();
    mkdirSync(machine.places.run, { recursive: true });
    if (machine.updaterIsBroken()) {
      // An updater that comes up takes the guard's count back to nothing; so it is only asked where it matters.
      if (existsSync(machine.places.trial)) countBoot(machine, guard);
      machine.powerOff('cut');
      continue;
    }
    // As main.ts does once it is ready for work: here nothing comes between.
    writeFileSync(join(machine.places.run, 'heartbeat'), '0\n');
    const starting = startDaemon(tools, { firstCheckMs: 2 ** 31 - 1 });
    let daemon: Daemon | undefined;
    let failed: unknown;
    starting.then(
      (started) => {
        daemon = started;
      },
      (error) => {
        failed = error;
      },
    );
    await until('the daemon', () => daemon !== undefined || failed !== undefined || machine.ended !== undefined);
    if (failed !== undefined) throw failed;
    if (daemon) return daemon;
  }
  throw new Error(`The updater did not come up in ${maxBoots} boots.`);
}

/** The real guard, as it runs at the start of a boot; what it restores is played as all snapshots are. */
function countBoot(machine: Machine, guard: string): void {
  execFileSync('sh', [join(guard, 'guard.sh'), 'boot'], {
    env: {
      PATH: process.env.PATH,
      OPQ_ROOT: machine.root,
      OPQ_RESTORE: join(guard, 'restore-played.sh'),
      OPQ_SYSTEMCTL: 'true',
    },
    stdio: 'ignore',
  });
}

/** One release, whole, and its services up; a box at rest is never of two. */
async function expectWhole(machine: Machine, daemon: Daemon): Promise<void> {
  const { program, version } = machine.onDisk();
  const { step } = daemon.updates.at;
  if (step !== 'idle') throw new Error(`It rests in "${step}".`);
  if (program !== version) throw new Error(`The program is of ${program}, VERSION says ${version}.`);
  if (machine.releases.get(version) !== 'good' && machine.releases.get(version) !== 'script reboots at its end') {
    throw new Error(`A release of the kind "${machine.releases.get(version)}" was kept.`);
  }
  if (machine.service() !== 'active') throw new Error(`The service is ${machine.service()}.`);
  if (existsSync(machine.places.trial)) throw new Error('It rests on trial.');
  const [last] = await readHistory(machine.places);
  const ended = last && (last.outcome === 'confirmed' ? last.to : last.outcome === 'rolled back' ? last.from : null);
  if (ended !== null && ended !== undefined && ended !== version) {
    throw new Error(`The history says ${last?.outcome} ${ended}, the box has ${version}.`);
  }
}

/** Whatever happened, the next good release gets in when a person asks for it. */
async function expectNoDeadEnd(machine: Machine, daemon: Daemon, guard: string): Promise<void> {
  const to = machine.publish('good');
  await asked(machine, daemon.install({ retry: false }));
  const { daemon: now } = await rest(machine, daemon, guard, 0);
  await expectWhole(machine, now);
  const { version } = machine.onDisk();
  if (version !== to) throw new Error(`A good release did not get in: ${JSON.stringify(now.updates.at)}`);
  now.stop();
}

/** What a daemon that is gone had given the system to do is done: it must not get into the life of the next one. */
async function stillness(): Promise<void> {
  for (let quiet = 0; quiet < 3; quiet++) {
    if (process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq'))) quiet = -1;
    await nextTurn();
  }
}

const nextTurn = () => new Promise((done) => setImmediate(done));

async function until(what: string, isSo: () => boolean): Promise<void> {
  const end = performance.now() + hangMs;
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`Waited in vain for ${what}.`);
    await nextTurn();
  }
}
