import { appendFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Because, Update } from '../../daemon/facts.ts';
import { failuresInARow, readHistory, recordEnd } from '../../daemon/history.ts';
import type { At } from '../../daemon/machine.ts';
import { type Places, placesUnder } from '../../daemon/places.ts';
import { anUpdate } from '../support/fake-box.ts';

let places: Places;
beforeEach(async () => {
  const root = await mkdtemp(join(tmpdir(), 'opq-history-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  places = placesUnder(root);
  await mkdir(places.state, { recursive: true });
});

const end = (update: Partial<Update>, because: Because | null = null): At<'idle'> => ({
  step: 'idle',
  because,
  update: { ...anUpdate, ...update },
  outageS: 12.34,
  scriptTail: [],
});
const now = { at: '2026-03-01T10:05:00.000Z', clockKnown: false, bootId: 'boot-7' };
const record = (at: At<'idle'>) => recordEnd(places, at, now);
const ids = async () => (await readHistory(places)).map(({ id }) => id);

it('has each update once, the newest first, also when its end is told again after a cut', async () => {
  expect(await readHistory(places)).toEqual([]);
  expect(await record(end({ id: 'a' }))).toMatchObject({ id: 'a', outcome: 'confirmed', outage_s: 12.3 });
  expect(await record(end({ id: 'b' }))).toMatchObject({ id: 'b' });
  expect(await record(end({ id: 'a' }))).toBeUndefined();
  expect(await record({ ...end({}), update: null })).toBeUndefined();
  expect(await ids()).toEqual(['b', 'a']);
});

it('says in which boot it ended, whether the clock was known, and where power was lost on the way', async () => {
  const cuts = [{ step: 'confirm', intoS: 12.3 } as const, { step: 'rollback', intoS: null } as const];
  expect(await record(end({ cuts }))).toMatchObject({
    boot_id: 'boot-7',
    clock_known: false,
    cuts: [
      { step: 'confirm', into_s: 12.3 },
      { step: 'rollback', into_s: null },
    ],
  });
});

describe('a last line that a power cut tore', () => {
  it.each(['{"id":"torn","outcome":"conf', '\u0000\u0000\u0000', '{', 'x'])(
    'such as %j costs no other entry',
    async (torn) => {
      await record(end({ id: 'a' }));
      await appendFile(places.history, torn);
      expect(await ids()).toEqual(['a']);
      await record(end({ id: 'b' }));
      expect(await ids()).toEqual(['b', 'a']);
    },
  );

  it.each(['null', '5', '"text"', '[]'])('and what is JSON but no entry, such as %s, neither', async (line) => {
    await record(end({ id: 'a' }));
    await appendFile(places.history, `${line}\n`);
    await record(end({ id: 'b' }));
    expect(await ids()).toEqual(['b', 'a']);
  });
});

it('does not grow for ever: the oldest go', async () => {
  const entry = await record(end({ id: 'u0' }));
  const lines = Array.from({ length: 199 }, (_, n) => `${JSON.stringify({ ...entry, id: `u${n + 1}` })}\n`);
  await appendFile(places.history, lines.join(''));
  await record(end({ id: 'u200' }));
  expect(await ids()).toEqual(Array.from({ length: 101 }, (_, n) => `u${200 - n}`));
  expect((await readFile(places.history, 'utf8')).trimEnd().split('\n')).toHaveLength(101);
});

it.each([
  [null, {}, 'confirmed'],
  [{ code: 'CANCELLED', message: 'x', step: 'download' }, {}, 'cancelled'],
  [{ code: 'SIGNATURE_INVALID', message: 'x', step: 'verify' }, {}, 'refused'],
  [{ code: 'SERVER_UNREACHABLE', message: 'x', step: 'download' }, {}, 'failed'],
  [{ code: 'HEALTH_FAILED', message: 'x', step: 'confirm' }, { rollback: 3 }, 'rolled back'],
  [{ code: 'ROLLED_BACK', message: 'x', step: 'rollback' }, { rollback: 3 }, 'undone'],
] as [Because | null, Update['seconds'], string][])(
  'calls an end because of %j after %j "%s"',
  async (because, seconds, outcome) => {
    expect(await record(end({ seconds }, because))).toMatchObject({ outcome, step: because?.step ?? 'confirm' });
  },
);

it('counts the ends in a row of a release that did not make it, over reboots', async () => {
  const bad: Because = { code: 'WRITE_FAILED', message: 'x', step: 'install' };
  const count = async (to: number) => failuresInARow(await readHistory(places), to);
  expect(await count(2)).toBe(0);
  await record(end({ id: 'u1', to: 2 }, bad));
  await record(end({ id: 'u2', to: 2 }, bad));
  expect(await count(2)).toBe(2);
  expect(await count(3)).toBe(0);
  await record(end({ id: 'u3', to: 2 }));
  expect(await count(2)).toBe(0);
  await record(end({ id: 'u4', to: 2 }, bad));
  expect(await count(2)).toBe(1);
});
