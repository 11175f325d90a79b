import { appendFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { it, oldRelease } from '../../support/scratch-box.ts';
import { codeOf, expectUsable, expectWhole } from '../../support/scratch-expectations.ts';
import { held, release } from '../../support/scratch-release.ts';

const journal = 'var/lib/opq-updater/journal.json';
const halfWay = release(1_550_000_002, { script: { middle: held } });
const good = release(1_550_000_003);

/** What becomes of a file on a bad SD card. */
const losses: [string, (path: string) => void][] = [
  ['gone', (path) => rmSync(path)],
  ['empty', (path) => truncateSync(path)],
  ['cut off', (path) => truncateSync(path, 100)],
  ['garbage', (path) => writeFileSync(path, Buffer.from([0xff, 0, 1, 2, 0x7b]))],
  ['of another format', (path) => writeFileSync(path, readFileSync(path, 'utf8').replace('"format":1', '"format":2'))],
];

describe('A box whose journal is', () => {
  it.for(losses.slice(0, 3))('%s on trial puts the earlier release back', async ([, lose], { newBox, publisher }) => {
    const box = await newBox();
    const id = await box.install(await publisher.stick(halfWay));
    await box.until('the half of it', () => box.has('var/held'));
    await box.cutPower();
    lose(box.at(journal));
    await box.boot();
    expect(await box.ended(id)).toMatchObject({ outcome: 'rolled back', because: { code: 'JOURNAL_UNREADABLE' } });
    await expectWhole(box, oldRelease);
    await expectUsable(box, publisher);
  });
});

it('is at rest whatever becomes of the journal of a box at rest, and keeps the bad files', async ({
  newBox,
  publisher,
}) => {
  const box = await newBox();
  await box.ended(await box.install(await publisher.stick(good)));
  const text = readFileSync(box.at(journal));
  for (const [, lose] of losses) {
    await box.shutdown();
    writeFileSync(box.at(journal), text);
    lose(box.at(journal));
    await box.boot();
    expect(await box.status()).toMatchObject({ state: 'idle', installed: good.version });
    expect(await box.history()).toHaveLength(1);
    await expectWhole(box, good);
  }
  const kept = box.names('var/lib/opq-updater').filter((name) => name.startsWith('journal.json.bad-'));
  expect(kept).toHaveLength(losses.length - 1); // one was gone
  await expectUsable(box, publisher);
});

it('is stuck, says so, and waits for a person when the copy of the earlier release has rotted', async ({
  newBox,
  publisher,
  serve,
}) => {
  const server = await serve(halfWay);
  const box = await newBox({ config: { server_url: server.url } });
  await box.install(await publisher.stick(halfWay));
  await box.until('the half of it', () => box.has('var/held'));
  const half = box.tree();
  appendFileSync(box.at('var/lib/opq-updater/trial/tree.tar'), 'rot');
  await box.cutPower();
  await box.boot();
  await box.until('the end of the undo', async () => (await box.status()).state === 'stuck');
  expect((await box.status()).warnings).toMatchObject([{ code: 'SNAPSHOT_DAMAGED' }]);
  expect(box.tree()).toEqual(half);
  const asked = await box.daemon.ask('check', { install: true });
  expect(asked).toMatchObject({ news: true, begun: false, why_not: { code: 'STUCK' } });
  expect(await codeOf(box.daemon.ask('config_set', { key: 'jitter_s', value: 1 }))).toBe('STUCK');

  const { exitCode } = await box.cli('install', await publisher.stick(good), '--wait');
  expect(exitCode).toBe(0);
  await expectWhole(box, good);
});
