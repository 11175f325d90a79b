import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Benchmark, Setting } from './bench.ts';
import { type ScratchBox, startBox } from './box.ts';
import { costOf, cpuOfThreads, cpuSecondsOf, familyOf, ownNode, pssMb, wakeUpsOf, writtenBytesOf } from './command.ts';
import { type Finding, fixedLimit, ratio } from './finding.ts';
import { inPairs, median } from './pairs.ts';

/** A Node process that does nothing but wait. */
const bareNode = (node = 'node') => spawn(node, ['-e', 'setInterval(() => {}, 60_000)'], { stdio: 'ignore' });

export const daemon: Benchmark = {
  name: 'daemon',
  quick: true,
  async run(setting) {
    const payload = await setting.payload(17);
    const url = await setting.serve(payload.folder);
    const own = await ownNode(join(setting.folder, 'node'));
    const box = await startBox(setting, payload, url, { auto_install: false }, (_, ...args) => [
      join(own, 'node'),
      args,
    ]);
    try {
      // Another copy than what stands in for systemd runs by: that is no Node on a real box.
      await ownNode(own);
      await box.restart();
      return [await idleMemory(box, setting), ...(await idleWork(box, setting))];
    } finally {
      await box.stop();
    }
  },
};

async function idleMemory(box: ScratchBox, { rounds, folder }: Setting): Promise<Finding> {
  const node = join(await ownNode(join(folder, 'bare-node')), 'node');
  // At rest, as it comes to be some time after its start.
  await sleep(20_000);
  const pid = await box.pid();
  const { ours, theirs } = await inPairs(
    rounds,
    async () => pssMb(pid),
    async () => {
      const bare = bareNode(node);
      await sleep(1000);
      const mb = pssMb(bare.pid!);
      bare.kill();
      return mb;
    },
  );
  return ratio(
    {
      what: 'the resident daemon at rest: memory (PSS)',
      against: 'a bare Node process with a timer',
      target: 1.5,
      unit: 'MB',
    },
    ours,
    theirs,
  );
}

/**
 * What the daemon and its workers write below the box, but in /run, which is in memory on a real one: bytes, whether the
 * kernel sends them to the disk at once or later.
 */
async function writtenDuring(box: ScratchBox, folder: string, work: () => Promise<unknown>): Promise<number> {
  const log = join(folder, 'writes');
  const calls = 'write,writev,pwrite64,pwritev,pwritev2,sendfile,copy_file_range';
  const tracer = spawn('strace', ['-f', '-y', '-e', `trace=${calls}`, '-o', log, '-p', String(await box.pid())]);
  await new Promise((attached) => tracer.stderr.once('data', attached));
  await work();
  await sleep(500);
  const ended = once(tracer, 'exit');
  tracer.kill('SIGINT');
  await ended;
  const lines = (await readFile(log, 'utf8')).split('\n').filter((line) => line.includes(`<${box.root}/`));
  return lines
    .filter((line) => !line.includes(`<${box.root}/run/`))
    .reduce((sum, line) => sum + Math.max(0, Number(/= (-?\d+)$/.exec(line)?.[1] ?? 0)), 0);
}

/** A check that finds nothing, and a while of nothing at all. */
async function idleWork(box: ScratchBox, setting: Setting): Promise<Finding[]> {
  const pid = await box.pid();
  await box.updater('check');
  const bytes = await writtenDuring(box, setting.folder, () => box.updater('check'));
  // Its heartbeat is the dearest; the rest of Node's own threads sleeps.
  // What the check has left, such as its connection, has an end of its own.
  await sleep(15_000);
  const seconds = setting.quick ? 20 : 120;
  const wakeUps = wakeUpsOf(pid);
  const cpuS = cpuSecondsOf(pid);
  await sleep(seconds * 1000);
  const perHour = ((wakeUpsOf(pid) - wakeUps) * 3600) / seconds;
  const cpuPerHour = ((cpuSecondsOf(pid) - cpuS) * 3600) / seconds;
  return [
    {
      what: 'a check that finds nothing: bytes written to the disk',
      ...fixedLimit,
      ours: `${bytes} B`,
      figure: bytes,
      target: 0,
      unit: 'B',
    },
    {
      what: 'wake-ups of the daemon at rest',
      ...fixedLimit,
      ours: `${perHour.toFixed(0)} an hour`,
      figure: perHour,
      target: 60,
      unit: 'an hour',
    },
    {
      what: 'CPU of the daemon at rest',
      ...fixedLimit,
      ours: `${cpuPerHour.toFixed(1)} s an hour`,
      figure: null,
      target: null,
      unit: '',
    },
  ];
}

/** What each boot pays, and each command of a person. */
export const start: Benchmark = {
  name: 'start',
  quick: true,
  async run(setting) {
    const payload = await setting.payload(17);
    const box = await startBox(setting, payload, await setting.serve(payload.folder), { auto_install: false });
    const bare = async () => (await costOf('node -e 0')).cpuS;
    try {
      const daemon = await inPairs(setting.rounds, async () => cpuOfThreads(await box.restart()), bare);
      const program = join(setting.repo, 'dist/opq-updater.js');
      const command = await inPairs(setting.rounds, async () => (await costOf(`node ${program} help`)).cpuS, bare);
      const against = 'bare Node';
      return [
        ratio(
          { what: 'the daemon from its start to ready: CPU', against, target: 1.6, unit: 's' },
          daemon.ours,
          daemon.theirs,
        ),
        ratio({ what: 'a command: CPU', against, target: null, unit: 's' }, command.ours, command.theirs),
      ];
    } finally {
      await box.stop();
    }
  },
};

/** A whole update of a scratch box: real but for the reboot. */
export const whole: Benchmark = {
  name: 'whole',
  quick: true,
  async run(setting) {
    const payload = await setting.payload(85);
    const url = await setting.serve(payload.folder);
    const outages: number[] = [];
    const writes: number[] = [];
    for (let n = 0; n < Math.min(3, setting.rounds); n++) {
      const box = await startBox(setting, payload, url);
      try {
        const pid = await box.pid();
        let bytes = 0;
        // Of those that live in this moment; what ended has been counted at its last look.
        const seen = new Map<number, number>();
        const timer = setInterval(() => {
          for (const each of familyOf(pid)) seen.set(each, Math.max(seen.get(each) ?? 0, writtenBytesOf(each)));
        }, 50);
        await box.updater('check', '--install', '--wait');
        clearInterval(timer);
        bytes = [...seen.values()].reduce((total, value) => total + value, 0);
        writes.push(bytes / payload.packedBytes);
        const [last] = JSON.parse(await box.updater('history', '-n', '1', '--json'));
        outages.push(Number(last.outage_s) - Number(last.seconds.reboot ?? 0));
      } finally {
        await box.stop();
      }
    }
    const outage = median(outages);
    return [
      {
        what: 'services down in an update with a trivial script, reboot left out',
        ...fixedLimit,
        ours: `${outage.toFixed(1)} s`,
        figure: outage,
        target: 3,
        unit: 's',
      },
      {
        what: 'bytes written by an update up to its reboot, against the package',
        ...fixedLimit,
        ours: `${median(writes).toFixed(1)} times`,
        figure: null,
        target: null,
        unit: '',
      },
    ];
  },
};
