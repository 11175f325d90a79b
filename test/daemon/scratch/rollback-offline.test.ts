import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { it, oldRelease, type ScratchBox } from '../../support/scratch-box.ts';
import { expectWhole } from '../../support/scratch-expectations.ts';
import { held, readTree, release } from '../../support/scratch-release.ts';

const good = release(1_550_000_002);
const slow = release(1_550_000_003, { script: { middle: held } });
const state = 'var/lib/opq-updater';
const offline = (box: ScratchBox, ...more: string[]) => box.cli('rollback', '--offline', ...more);

/** The daemon of the next boot proves the undo and tells of it. */
async function expectUndone(box: ScratchBox, id: string): Promise<void> {
  await box.boot();
  await box.until('the verdict', async () => {
    const [last] = await box.history();
    return last?.id === id && last.outcome === 'undone';
  });
  await expectWhole(box, oldRelease);
}

it('puts the release before the confirmed one back, with what others changed, while the box is down', async ({
  newBox,
  publisher,
}) => {
  const box = await newBox();
  const id = await box.install(await publisher.stick(good));
  await box.ended(id);
  writeFileSync(box.at('etc/opq/site.json'), 'theirs');
  expect(await offline(box, '--yes')).toMatchObject({ exitCode: 5, last: { code: 'BUSY' } });
  await box.shutdown();
  const before = box.tree();
  expect(await offline(box)).toMatchObject({ exitCode: 2, last: { code: 'USAGE' } });
  expect(box.tree()).toEqual(before);
  expect(await offline(box, '--yes')).toMatchObject({ exitCode: 0, last: { to: oldRelease.version } });
  expect(readTree(box.root, ['usr', 'etc/systemd'])).toEqual(oldRelease.tree);
  expect(readFileSync(box.at('etc/opq/site.json'), 'utf8')).toBe('theirs');
  rmSync(box.at('etc/opq/site.json'));
  await expectUndone(box, id);
  expect((await box.status()).previous).toBeNull();
});

it('puts back a release that was cut off in the middle, and may itself be cut off', async ({ newBox, publisher }) => {
  const box = await newBox();
  const id = await box.install(await publisher.stick(slow));
  await box.until('the half of it', () => box.has('var/held'));
  await box.cutPower();
  expect(await offline(box, '--yes')).toMatchObject({ exitCode: 0 });
  expect(readTree(box.root, ['usr', 'etc/systemd'])).toEqual(oldRelease.tree);
  // As if it had not come to its end.
  rmSync(box.at(`${state}/trial/guard`));
  rmSync(box.at('usr/local/box-config-daemon/run.sh'));
  await expectUndone(box, id);
  expect(await box.cli('rollback')).toMatchObject({ exitCode: 5, last: { code: 'NOTHING_TO_UNDO' } });
});

it('touches nothing when there is no copy, or a damaged one', async ({ newBox, publisher }) => {
  const box = await newBox();
  await box.shutdown();
  expect(await offline(box, '--yes')).toMatchObject({ exitCode: 5, last: { code: 'NOTHING_TO_UNDO' } });
  await box.boot();
  await box.ended(await box.install(await publisher.stick(good)));
  await box.shutdown();
  appendFileSync(box.at(`${state}/previous/tree.tar`), 'rot');
  const before = box.tree();
  expect(await offline(box, '--yes')).toMatchObject({ exitCode: 6, last: { code: 'SNAPSHOT_DAMAGED' } });
  expect(box.tree()).toEqual(before);
  await box.boot();
  await expectWhole(box, good);
});
