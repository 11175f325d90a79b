import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startDaemon } from '../../daemon/daemon.ts';
import { readHistory, recordEnd } from '../../daemon/history.ts';
import { saveJournal } from '../../daemon/journal.ts';
import { idleAt, whereWeWere } from '../../daemon/resume.ts';
import { statusOf } from '../../daemon/status.ts';
import { anUpdate, playedWorker, scene } from '../support/fake-box.ts';

// A folder in place of a file cannot be read, as a file cannot whose sectors are gone.
const lost = ['history.jsonl', 'quarantine.json', 'floor', 'postponed.json', 'held-since', 'box-id'];

it('takes updates and shows its status whatever of its small files the disk cannot read any more', async () => {
  const box = await scene();
  for (const name of lost) await mkdir(join(box.places.state, name));
  const version = anUpdate.to;
  const offer = {
    ...{
      channel: 'detached' as const,
      version,
      packageUrl: 'http://127.0.0.1:1/p',
      signatureUrl: 'http://127.0.0.1:1/s',
    },
    ...{ sizeBytes: 1000, sha256: null, hardware: null, notes: null, components: null },
  };
  const newWorker = () => playedWorker(box.places, { latest: () => offer });
  const daemon = await startDaemon({ ...box.tools, newWorker }, { firstCheckMs: 2 ** 31 - 1 });
  onTestFinished(() => daemon.stop());
  expect(await statusOf(daemon)).toMatchObject({ state: 'idle', last_update: null });
  const { why_not } = await daemon.check({ install: true, by: 'schedule', counts: true });
  // No key is pinned here: as far as this it came.
  expect(why_not).toMatchObject({ code: 'NO_TRUSTED_KEYS' });
});

it('takes up an update that a power cut ended though the disk cannot read what it was doing', async () => {
  const box = await scene();
  await saveJournal(box.places, { at: { step: 'download', update: anUpdate }, bootId: 'another', tries: 1 });
  for (const name of ['black-box.jsonl', 'black-box.old.jsonl']) await mkdir(join(box.places.state, name));
  box.nextBoot('cut');
  const { at } = await whereWeWere(box.tools);
  expect(at).toMatchObject({ step: 'download', update: { cuts: [{ step: 'download', intoS: null }] } });
});

it('puts a history aside that the disk cannot read, and goes on with a new one', async () => {
  const { places } = await scene();
  await mkdir(places.history);
  const now = { at: '2026-03-01T10:00:00.000Z', clockKnown: true, bootId: 'boot-1' };
  await recordEnd(places, { ...idleAt, update: anUpdate }, now);
  expect(await readHistory(places)).toMatchObject([{ id: anUpdate.id, outcome: 'confirmed' }]);
  expect(await readdir(places.state)).toContain('history.jsonl.bad');
});
