import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { follow } from '../../daemon/engine.ts';
import type { Update } from '../../daemon/facts.ts';
import { exists } from '../../daemon/files.ts';
import { readJournal, saveJournal } from '../../daemon/journal.ts';
import type { At } from '../../daemon/machine.ts';
import { idleAt, whereWeWere } from '../../daemon/resume.ts';
import { undoMark } from '../../daemon/steps/undo.ts';
import { openUpdates } from '../../daemon/updates.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { codeOf } from '../support/error-of.ts';
import { anUpdate, aRelease, scene, service } from '../support/fake-box.ts';

const hooks = { changed: () => {}, ended: () => {}, heldBack: async () => undefined };
const update: Update = { ...anUpdate, source: { kind: 'file', path: '/nowhere' } };

/** A box at rest whose next update goes no further than its copy, until the test is over. */
async function updatesOnBox() {
  let fail = () => {};
  const copied = new Promise((_, reject) => {
    fail = () => reject(new UpdateError('NOT_FOUND', 'played'));
  });
  copied.catch(() => {});
  const { places, tools } = await scene({}, { copy: () => copied });
  const updates = openUpdates({ ...tools, newWorker: () => tools.worker }, hooks);
  await updates.start();
  const over = async () => {
    fail();
    await expect.poll(() => updates.resting).toBe(true);
  };
  const inJournal = async () => {
    const found = await readJournal(places);
    return found.kind === 'entry' ? found.entry.at.step : found.kind;
  };
  return { places, updates, inJournal, over };
}

it('answers that an update has begun once the journal has it, so that no cut takes it back', async () => {
  const { updates, inJournal, over } = await updatesOnBox();
  await updates.begin(update);
  expect(await inJournal()).toBe('download');
  await over();
});

it('answers that an undo has begun once the journal has it', async () => {
  const { places, tools } = await scene();
  await tools.box.snapshot(places.previous, ['/usr/local/box-config-daemon'], {
    update: anUpdate.id,
    from: 1_550_000_001,
  });
  const updates = openUpdates({ ...tools, newWorker: () => tools.worker }, hooks);
  await updates.start();
  await updates.undo();
  const found = await readJournal(places);
  expect(found).toMatchObject({ kind: 'entry' });
  await expect.poll(() => updates.resting).toBe(true);
  expect((await tools.box.service(service)).state).toBe('active');
});

it('answers why an update has not begun when the journal cannot take it, and is at rest', async () => {
  const { places, updates, inJournal, over } = await updatesOnBox();
  // A folder in its place: no rename puts a file there.
  await rm(places.journal, { force: true });
  await mkdir(`${places.journal}/x`, { recursive: true });
  expect(await codeOf(updates.begin(update))).toBe('INTERNAL');
  await expect.poll(() => updates.resting).toBe(true);
  await rm(places.journal, { recursive: true });
  await updates.begin(update);
  expect(await inJournal()).toBe('download');
  await over();
});

it('answers that an undo on trial has begun once that is on the disk: after a cut it is put back all the same', async () => {
  // It never answers, so the release stays on trial.
  const box = await scene({ service: () => new Promise(() => {}) });
  const { places, tools } = box;
  await tools.box.snapshot(places.trial, ['/usr/local/box-config-daemon'], {
    update: anUpdate.id,
    from: anUpdate.from!,
  });
  await writeFile(places.at('/usr/local/box-config-daemon/VERSION'), `${anUpdate.to}\n`);
  const at: At<'confirm'> = {
    ...{ step: 'confirm', update: anUpdate, release: aRelease, paths: [], baseline: { [service]: 'active' } },
    ...{ gateway: false, bootId: 'boot-0', stoppedAtMs: 0, scriptTail: [], cutBoots: 0 },
  };
  await saveJournal(places, { at, bootId: 'boot-1', tries: 1 });
  const updates = openUpdates({ ...tools, newWorker: () => tools.worker }, hooks);
  await updates.start();
  await updates.undo();

  box.nextBoot('cut');
  const after = {
    ...tools,
    box: { ...tools.box, service: async () => ({ state: 'active', restarts: 0, byHand: false }) },
  };
  const { at: found } = await whereWeWere(after as typeof tools);
  expect(found.step).toBe('confirm');
  const rest = await follow(found, after as typeof tools);
  expect(rest).toMatchObject({ step: 'idle', because: { code: 'ROLLED_BACK', step: 'confirm' } });
  expect(await box.version()).toBe(String(anUpdate.from));
});

it('undoes after a cut what was asked for in the moment in which the release was confirmed', async () => {
  const { places, tools, box } = await scene();
  await tools.box.snapshot(places.previous, ['/usr/local/box-config-daemon'], {
    update: anUpdate.id,
    from: anUpdate.from!,
    to: anUpdate.to,
  });
  await writeFile(undoMark(places.previous), '');
  await writeFile(places.at('/usr/local/box-config-daemon/VERSION'), `${anUpdate.to}\n`);
  const at = { ...idleAt, update: anUpdate };
  await saveJournal(places, { at, bootId: await box.bootId(), tries: 1 });
  const updates = openUpdates({ ...tools, newWorker: () => tools.worker }, hooks);
  await updates.start();
  await expect.poll(() => updates.resting).toBe(true);
  expect(updates.at).toMatchObject({ step: 'idle', because: { code: 'ROLLED_BACK' } });
  expect(await readFile(places.at('/usr/local/box-config-daemon/VERSION'), 'utf8')).toBe(`${anUpdate.from}\n`);
});

it('says so where such an undo cannot be done, and does not try for ever', async () => {
  const { places, tools, box } = await scene();
  await mkdir(places.previous);
  await writeFile(undoMark(places.previous), '');
  await saveJournal(places, { at: { ...idleAt, update: anUpdate }, bootId: await box.bootId(), tries: 1 });
  const updates = openUpdates({ ...tools, newWorker: () => tools.worker }, hooks);
  await updates.start();
  expect(updates.resting).toBe(true);
  expect(await readFile(places.logFile, 'utf8')).toContain('the undo that was asked for cannot be done');
  expect(await exists(undoMark(places.previous))).toBe(false);
});
