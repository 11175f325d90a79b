import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import type { Publisher } from '../../support/publisher.ts';
import { it, oldRelease, type ScratchBox } from '../../support/scratch-box.ts';
import { expectWhole } from '../../support/scratch-expectations.ts';
import { noise, type Release, release } from '../../support/scratch-release.ts';

/** Large and slow enough that each step takes a while. */
const data = Object.fromEntries(Array.from({ length: 150 }, (_, n) => [`data/${n}`, `record ${n}\n`.repeat(50)]));
const bulk = { ...data, 'waveforms.bin': noise(1_000_000) };
const script = { begin: 'sleep 0.1', middle: 'sleep 0.2', end: 'sleep 0.1' };
const versions = [oldRelease.version + 1, oldRelease.version + 2];
const good = versions.map((version) => release(version, { data: bulk, script }));
const bad = versions.map((version) => release(version, { data: bulk, script: { ...script, end: 'exit 3' } }));

/** A step, how long after its beginning, and in what updates. */
const cuts: [string, { releases: readonly Release[]; afterMs: number }][] = [
  ...['download', 'verify', 'unpack', 'snapshot', 'stop', 'install', 'reboot', 'confirm'].map(
    (step, n): (typeof cuts)[number] => [step, { releases: good, afterMs: (n % 3) * 15 }],
  ),
  ['install, at its end', { releases: good, afterMs: 300 }],
  ['reboot, when it is under way', { releases: good, afterMs: 200 }],
  ['rollback', { releases: bad, afterMs: 5 }],
  ['rollback, when files are put back', { releases: bad, afterMs: 60 }],
  ['restored', { releases: bad, afterMs: 0 }],
  ['restored, while it reboots', { releases: bad, afterMs: 200 }],
];

/** What a good release may come to, by the step that the journal names then. */
const ends: Readonly<Record<string, readonly string[]>> = {
  download: ['confirmed'],
  verify: ['confirmed'],
  unpack: ['confirmed'],
  snapshot: ['confirmed'],
  stop: ['confirmed', 'rolled back'],
  install: ['rolled back'],
  reboot: ['confirmed'],
  confirm: ['confirmed'],
  rollback: ['rolled back'],
  restored: ['rolled back'],
  idle: ['confirmed'],
};

interface Way {
  readonly name: string;
  cutOff(box: ScratchBox): Promise<void>;
  goOn(box: ScratchBox): Promise<void>;
}
const ways: Way[] = [
  { name: 'killed', cutOff: async (box) => box.killDaemon(), goOn: async () => {} },
  { name: 'cut off from power', cutOff: (box) => box.cutPower(), goOn: (box) => box.boot() },
];

/** Large packages take a while to make: each once. */
const sticks = new Map<Release, Promise<string>>();
function stickOf(publisher: Publisher, wanted: Release): Promise<string> {
  const made = sticks.get(wanted) ?? publisher.stick(wanted);
  sticks.set(wanted, made);
  return made;
}

// That the next update works is seen in the second one here, and many times over in power-cuts.test.ts.
describe.concurrent('An updater that is killed, and then cut off from power, comes to one release, whole', () => {
  it.for(cuts)('in the step %s', async ([name, { releases, afterMs }], { newBox, publisher }) => {
    const box = await newBox({ config: { health_stable_s: 1 } });
    let runs = oldRelease;
    for (const [n, { name: how, cutOff, goOn }] of ways.entries()) {
      const wanted = releases[n]!;
      const id = await box.install(await stickOf(publisher, wanted));
      await box.reaches(name.split(',')[0]!, id);
      await sleep(afterMs);
      await cutOff(box);
      const step = box.step(id) ?? '';
      await goOn(box);
      const { outcome } = await box.ended(id);
      expect(releases === good ? ends[step] : ['rolled back'], `${how} in ${step}`).toContain(outcome);
      if (outcome === 'confirmed') runs = wanted;
      await expectWhole(box, runs);
      expect(box.has('var/lib/opq-updater/trial')).toBe(false);
    }
  });
});

it('tells after a power cut in which step it came, how far in, and how long it took to put that right', async ({
  newBox,
  publisher,
}) => {
  const box = await newBox();
  const id = await box.install(
    await publisher.stick(release(oldRelease.version + 3, { script: { middle: 'sleep 600' } })),
  );
  await box.reaches('install', id);
  await box.until('a word of the black box', () => /"step":"install","into_s":[5-9]/.test(textOf(box)));
  await box.cutPower();
  await box.boot();
  const entry = await box.ended(id);
  expect(entry).toMatchObject({ outcome: 'rolled back', because: { code: 'POWER_LOST' }, cuts: [{ step: 'install' }] });
  expect(entry.cuts[0]?.into_s).toBeGreaterThanOrEqual(5);
  expect(entry.because?.message).toContain(`${entry.cuts[0]?.into_s} s`);
  expect(entry.seconds.rollback).toBeGreaterThan(0);
  expect(entry).toMatchObject({ clock_known: true, boot_id: (await box.status()).boot_id });
  await expectWhole(box, oldRelease);
});

const textOf = ({ at }: ScratchBox): string => readFileSync(at('var/lib/opq-updater/black-box.jsonl'), 'utf8');
