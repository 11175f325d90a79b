import { appendFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Publisher } from '../../support/publisher.ts';
import { it, oldRelease, type ScratchBox } from '../../support/scratch-box.ts';
import { codeOf, expectUsable, expectWhole } from '../../support/scratch-expectations.ts';
import { held, release } from '../../support/scratch-release.ts';

const failing = release(1_550_000_002, { script: { middle: held, end: 'exit 1' } });
const good = release(1_550_000_003);
const trial = 'var/lib/opq-updater/trial';

/** The copy of the earlier release rots while the script of a bad one runs. */
async function getStuck(box: ScratchBox, publisher: Publisher): Promise<string> {
  const id = await box.install(await publisher.stick(failing));
  await box.until('the half of it', () => box.has('var/held'));
  appendFileSync(box.at(`${trial}/tree.tar`), 'rot');
  box.touch('var/go');
  await box.until('being stuck', async () => (await box.status()).state === 'stuck');
  return id;
}

const undosOf = (box: ScratchBox) => box.console().split('the earlier release is put back').length - 1;

it('says that it is stuck, runs what can run, and is taken out of it by a signed package', async ({
  newBox,
  publisher,
  serve,
}) => {
  const server = await serve(failing);
  const box = await newBox({ config: { server_url: server.url } });
  const id = await getStuck(box, publisher);
  await box.until('a service', () => box.serving() === failing.version);
  const { last } = await box.cli('status');
  expect(last).toMatchObject({
    state: 'stuck',
    update: { id, step: 'stuck' },
    warnings: [{ code: 'SNAPSHOT_DAMAGED' }],
  });
  // By itself it does not take the one that brought it there, and an undo has nothing to go by.
  expect(await box.cli('check', '--install')).toMatchObject({ last: { begun: false } });
  expect(await codeOf(box.daemon.ask('undo_plan', {}))).toBe('no error');

  const out = await box.install(await publisher.stick(good));
  expect((await box.ended(out)).outcome).toBe('confirmed');
  await expectWhole(box, good);
  const ends = (await box.history()).map(({ id, outcome, because }) => [id, outcome, because?.code]);
  expect(ends).toEqual([
    [out, 'confirmed', undefined],
    [id, 'failed', 'SNAPSHOT_DAMAGED'],
  ]);
  // What was there before is no release to go back to.
  expect((await box.status()).previous).toBeNull();
  expect(await codeOf(box.daemon.ask('rollback', {}))).toBe('NOTHING_TO_UNDO');
  await expectUsable(box, publisher);
  expect((await box.status()).previous).toBe(good.version);
});

it('tries again at the next three boots, and then lets a person', async ({ newBox, publisher }) => {
  const box = await newBox();
  await getStuck(box, publisher);
  for (let boot = 1; boot <= 5; boot++) {
    await box.cutPower();
    await box.boot();
    await box.until('being stuck again', async () => (await box.status()).state === 'stuck');
    expect(undosOf(box)).toBe(1 + Math.min(boot, 3));
  }
  await box.daemon.ask('rollback', {});
  await box.until('one more try', () => undosOf(box) === 5);
  await box.until('being stuck again', async () => (await box.status()).state === 'stuck');
});

it('keeps the way back while another release is tried, whatever becomes of that', async ({ newBox, publisher }) => {
  const box = await newBox();
  const stuck = await getStuck(box, publisher);
  const rotten = readFileSync(box.at(`${trial}/tree.tar`));
  // One that ends before it has a snapshot of its own, one that fails after that.
  const forged = await publisher.stick(release(1_550_000_009));
  writeFileSync(`${forged}.sig`, 'no signature');
  const refused = await box.install(forged);
  await box.until('its end', async () => (await box.history()).some((entry) => entry.id === refused));
  await box.until('being stuck', async () => (await box.status()).state === 'stuck');
  expect(readFileSync(box.at(`${trial}/tree.tar`)).equals(rotten)).toBe(true);
  // What is taken out of it by nothing is told of once.
  expect((await box.history()).map(({ id, outcome }) => [id, outcome])).toEqual([
    [refused, 'refused'],
    [stuck, 'failed'],
  ]);

  const id = await box.install(await publisher.stick(release(1_550_000_004, { script: { end: 'exit 1' } })));
  await box.until('its begin', () => box.has(`${trial}.stuck`));
  expect((await box.history()).filter((entry) => entry.id === stuck)).toHaveLength(1);
  await box.until('being stuck', async () => (await box.status()).state === 'stuck' && box.step(id) === 'stuck');
  expect(readFileSync(box.at(`${trial}.stuck/tree.tar`)).equals(rotten)).toBe(true);
  // Mended, as a card may read again what it did not: then the box is of the release before all this.
  truncateSync(box.at(`${trial}.stuck/tree.tar`), rotten.length - 'rot'.length);
  await box.cutPower();
  await box.boot();
  expect(await box.ended(id)).toMatchObject({ outcome: 'rolled back', from: oldRelease.version });
  await expectWhole(box, oldRelease);
});

it('is stuck still when an update cannot even begin', async ({ newBox, publisher }) => {
  const box = await newBox();
  await getStuck(box, publisher);
  const journal = box.at('var/lib/opq-updater/journal.json');
  const kept = readFileSync(journal);
  // As on a disk that takes no writes.
  rmSync(journal);
  mkdirSync(join(journal, 'x'), { recursive: true });
  expect(await codeOf(box.install(await publisher.stick(good)))).not.toBe('no error');
  expect((await box.status()).state).toBe('stuck');
  rmSync(journal, { recursive: true });
  writeFileSync(journal, kept);
  expect((await box.ended(await box.install(await publisher.stick(good)))).outcome).toBe('confirmed');
  await expectWhole(box, good);
});
