import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { it, oldRelease } from '../../support/scratch-box.ts';
import { codeOf, expectUsable, expectWhole } from '../../support/scratch-expectations.ts';
import { noise, type Release, release } from '../../support/scratch-release.ts';

// More of them, or the same ones again: OPQ_TEST_CUTS=200 OPQ_TEST_SEED=1234.
const cutCount = Number(process.env.OPQ_TEST_CUTS ?? 12);
const seed = Number(process.env.OPQ_TEST_SEED ?? Date.now() % 1_000_000);

const data = { 'waveforms.bin': noise(300_000) };
/** One that is good, or one that fails at its end. */
const newer = (version: number, isGood: boolean): Release =>
  release(version, { data, script: { middle: 'sleep 0.2', end: isGood ? '' : 'exit 3' } });

it(`comes out whole of ${cutCount} power cuts and crashes at any moment (seed ${seed})`, {
  timeout: 60_000 + cutCount * 5_000,
}, async ({ newBox, publisher }) => {
  const random = randomFrom(seed);
  const box = await newBox();
  const releases = new Map([[oldRelease.version, oldRelease]]);
  /** At rest it is of one release, whole, and begins the next; in the middle of something it is left alone. */
  const goOn = async (): Promise<void> => {
    const now = await box.status().catch(() => undefined); // not up yet
    if (now?.state !== 'idle') return;
    await expectWhole(box, releases.get(now.installed ?? 0)!);
    const next = newer(oldRelease.version + releases.size, random() < 0.6);
    releases.set(next.version, next);
    expect(await codeOf(box.install(await publisher.stick(next)))).toBe('no error');
  };
  for (let n = 0; n < cutCount; n++) {
    await goOn();
    await sleep(random() * 900);
    if (random() < 0.25) {
      box.killDaemon();
      continue;
    }
    await box.cutPower();
    box.powerOn();
    // Some cuts come while it starts.
    if (random() < 0.8) await box.until('the daemon answers', () => box.status());
    else await sleep(random() * 300);
  }
  await box.until('the end of the last one', async () => (await box.status()).state === 'idle');
  await expectWhole(box, releases.get((await box.status()).installed ?? 0)!);
  await expectUsable(box, publisher);
});

/** Numbers from 0 to 1, the same ones for the same seed (mulberry32). */
function randomFrom(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
