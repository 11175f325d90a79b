import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { type Places, placesUnder } from '../../daemon/places.ts';
import {
  addToQuarantine,
  checkQuarantine,
  readQuarantine,
  removeFromQuarantine,
  wordsOf,
} from '../../daemon/quarantine.ts';
import { errorOf } from '../support/error-of.ts';
import { newVersion } from '../support/samples.ts';

let places: Places;
beforeEach(async () => {
  const root = await mkdtemp(join(tmpdir(), 'opq-quarantine-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  places = placesUnder(root);
  await mkdir(places.state, { recursive: true });
});
const bad = (n: number) => ({
  sha256: n.toString(16).padStart(64, '0'),
  version: newVersion + n,
  code: 'HEALTH_FAILED',
  at: '2026-03-01T10:00:00.000Z',
});

it('remembers a package that failed by its hash, once, until it turned out to be good', async () => {
  expect(await readQuarantine(places)).toEqual([]);
  await addToQuarantine(places, bad(1));
  await addToQuarantine(places, bad(2));
  await addToQuarantine(places, { ...bad(1), code: 'INSTALL_SCRIPT_FAILED' });
  expect(await readQuarantine(places)).toEqual([bad(2), { ...bad(1), code: 'INSTALL_SCRIPT_FAILED' }]);
  await removeFromQuarantine(places, bad(2).sha256);
  await removeFromQuarantine(places, bad(7).sha256);
  const list = await readQuarantine(places);
  expect(list).toHaveLength(1);
  expect(errorOf(() => checkQuarantine(list, bad(1).sha256))).toBe('QUARANTINED');
  expect(errorOf(() => checkQuarantine(list, bad(2).sha256))).toBe('no error');
});

it('forgets the oldest when there are too many', async () => {
  for (let n = 0; n < 103; n++) await addToQuarantine(places, bad(n));
  const list = await readQuarantine(places);
  expect(list).toHaveLength(100);
  expect(list[0]).toEqual(bad(3));
});

it.each(['', '[{"sha256":', '{}', 'null', '[1]', '\u0000'])('does without a list that says %j', async (text) => {
  await writeFile(join(places.state, 'quarantine.json'), text);
  expect(await readQuarantine(places)).toEqual([]);
  await addToQuarantine(places, bad(1));
  expect(await readQuarantine(places)).toEqual([bad(1)]);
});

it('tells a release that failed from one that a person had put back', () => {
  expect(wordsOf(bad(1))).toBe(`The release ${newVersion + 1} failed on this box on 2026-03-01 (HEALTH_FAILED).`);
  expect(wordsOf({ ...bad(1), code: 'ROLLED_BACK' })).toContain('was undone while it was on trial');
});
