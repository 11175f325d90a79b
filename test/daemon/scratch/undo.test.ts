import { execFile } from 'node:child_process';
import { expect } from 'vitest';
import { it, oldRelease } from '../../support/scratch-box.ts';
import { codeOf, expectWhole } from '../../support/scratch-expectations.ts';
import { held, release } from '../../support/scratch-release.ts';

const good = release(1_550_000_002);

it('puts the earlier release back on request, keeps it, and takes the newer one again only from a person', async ({
  newBox,
  serve,
}) => {
  const server = await serve(good);
  const box = await newBox({ config: { server_url: server.url } });
  expect(await box.cli('rollback')).toMatchObject({ exitCode: 5, last: { code: 'NOTHING_TO_UNDO' } });
  const first = await box.cli('install', '--wait');
  expect(first.exitCode).toBe(0);
  expect((await box.status()).previous).toBe(oldRelease.version);

  const undo = await box.cli('rollback', '--wait');
  expect(undo).toMatchObject({ exitCode: 0, last: { id: first.last.id, outcome: 'undone' } });
  await expectWhole(box, oldRelease);
  expect((await box.status()).previous).toBeNull();
  expect(await box.cli('rollback')).toMatchObject({ exitCode: 5, last: { code: 'NOTHING_TO_UNDO' } });

  const again = await box.cli('check', '--install');
  expect(again).toMatchObject({ exitCode: 5, last: { news: true, begun: false, why_not: { code: 'UNDONE' } } });
  await expectWhole(box, oldRelease);
  expect(await box.cli('install', '--wait')).toMatchObject({ exitCode: 0, last: { outcome: 'confirmed' } });
  await expectWhole(box, good);
});

it('goes on with an undo that a power cut interrupts', async ({ newBox, publisher }) => {
  const box = await newBox();
  const id = await box.install(await publisher.stick(good));
  expect((await box.ended(id)).outcome).toBe('confirmed');
  await box.daemon.ask('rollback', {});
  await box.until('the undo in the journal', async () => (await box.status()).state !== 'idle');
  await box.cutPower();
  await box.boot();
  await box.until('the old release', async () => {
    const { state, installed } = await box.status();
    return state === 'idle' && installed === oldRelease.version;
  });
  await expectWhole(box, oldRelease);
});

it('does one thing at a time, whoever asks', async ({ newBox, publisher }) => {
  const path = await publisher.stick(good);
  const box = await newBox();
  const begun = await Promise.allSettled(Array.from({ length: 5 }, () => box.install(path)));
  const [first, ...more] = begun.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
  expect(more).toEqual([]);
  await box.ended(first!);
  const mixed = await Promise.all([
    ...Array.from({ length: 3 }, () => codeOf(box.daemon.ask('rollback', {}))),
    ...Array.from({ length: 3 }, () => codeOf(box.install(path))),
  ]);
  expect(mixed.filter((code) => code !== 'BUSY')).toEqual(['no error']);
  await box.until('the end', async () => (await box.history()).length > 1);
  const { outcome } = (await box.history())[0]!;
  await expectWhole(box, outcome === 'confirmed' ? good : oldRelease);
});

it('has one daemon: a second one ends at once and disturbs nothing', async ({ newBox, publisher }) => {
  const slow = release(1_550_000_003, { script: { middle: held } });
  const box = await newBox();
  const id = await box.install(await publisher.stick(slow));
  await box.until('the half of it', () => box.has('var/held'));
  const second = await new Promise((resolve) => {
    const args = [box.program, 'daemon', '--box', 'scratch', '--root', box.root];
    execFile(process.execPath, args, (error, _, stderr) => resolve({ exitCode: error?.code, stderr }));
  });
  box.touch('var/go');
  expect(second).toMatchObject({ exitCode: 5, stderr: expect.stringContaining('BUSY') });
  expect((await box.ended(id)).outcome).toBe('confirmed');
  await expectWhole(box, slow);
});
