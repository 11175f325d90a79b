import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRebuilding } from './disk.ts';
import { readLog } from './log.ts';
import { choosePoints, type Point, seriesOf } from './points.ts';

const sector = 512;
const block = 4096;
const flags = { flush: 1, forced: 2, discard: 4 } as const;
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'opq-blocks-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** One entry of a log, as QEMU writes it. */
function entry(atBlock: number, letters: string, flag = 0): Buffer {
  const head = Buffer.alloc(sector);
  head.writeBigUInt64LE(BigInt((atBlock * block) / sector));
  head.writeBigUInt64LE(BigInt((letters.length * block) / sector), 8);
  head.writeBigUInt64LE(BigInt(flag), 16);
  return flag === flags.discard
    ? head
    : Buffer.concat([head, ...[...letters].map((text) => Buffer.alloc(block, text))]);
}

/** A log that says of itself that it has no entries, as one of a QEMU that was killed early. */
function logOf(...parts: readonly Buffer[]): string {
  const path = join(folder, 'log');
  const head = Buffer.alloc(sector);
  head.writeBigUInt64LE(0x6a736677736872n);
  head.writeBigUInt64LE(1n, 8);
  head.writeUInt32LE(sector, 24);
  writeFileSync(path, Buffer.concat([head, ...parts]));
  return path;
}

const flush = entry(0, '', flags.flush);
/** One write that is flushed, one over it and beside it that is not, a forced one, and a discard. */
const sample = () =>
  logOf(entry(0, 'ab'), flush, entry(1, 'cd'), entry(4, 'e', flags.forced), entry(0, 'a', flags.discard));

it('reads each write, flush and discard of a log, but not one that was being written when QEMU was killed', () => {
  const path = logOf(entry(0, 'ab'), flush, entry(4, 'e', flags.forced), entry(0, 'a', flags.discard), entry(1, 'c'));
  writeFileSync(path, readFileSync(path).subarray(0, -1));
  const seen = readLog(path).map(({ kind, at, sizeBytes, forced }) => [kind, at, sizeBytes, forced]);
  expect(seen).toEqual([
    ['write', 0, 2 * block, false],
    ['flush', 0, 0, false],
    ['write', 4 * block, block, true],
    ['discard', 0, block, false],
  ]);
});

it('refuses what is no log', () => {
  const path = join(folder, 'none');
  writeFileSync(path, Buffer.alloc(sector));
  expect(() => readLog(path)).toThrow(/Expected a log of writes/);
});

describe('the disk at a power cut', () => {
  /** The first letter of each block, `.` for zeros. */
  async function disk(before: number, what: Point['what'], seed = 'x'): Promise<string> {
    const log = sample();
    const safe = join(folder, 'safe');
    writeFileSync(safe, Buffer.alloc(5 * block));
    const rebuilding = openRebuilding(safe, log, readLog(log));
    const made = readFileSync(await rebuilding.rebuild({ n: 1, before, what, step: '', random: seriesOf(seed) }));
    await rebuilding.close();
    return [0, 1, 2, 3, 4].map((n) => String.fromCharCode(made[n * block] || 46)).join('');
  }

  it('has what was flushed, whatever came later', async () => {
    expect(await disk(1, 'flushed')).toBe('.....');
    expect(await disk(2, 'flushed')).toBe('ab...');
    expect(await disk(5, 'flushed')).toBe('ab...');
  });

  it('has everything when nothing was lost', async () => {
    expect(await disk(4, 'all')).toBe('acd.e');
    expect(await disk(5, 'all')).toBe('.cd.e');
  });

  it('keeps any part of what was not flushed, and always what was forced', async () => {
    const found = new Set<string>();
    for (let n = 0; n < 60; n++) found.add(await disk(4, 'some', `${n}`));
    expect([...found].sort()).toEqual(['ab..e', 'abd.e', 'ac..e', 'acd.e']);
    expect(await disk(4, 'some', '7')).toBe(await disk(4, 'some', '7'));
  });
});

it('chooses the same points of a log for the same seed, each within its step', () => {
  const parts = Array.from({ length: 200 }, (_, n) => (n % 3 === 2 ? flush : entry(n % 5, 'x')));
  const entries = readLog(logOf(...parts));
  const end = (n: number) => entries[n - 1]!.endsAt;
  const marks = [
    { word: 'stop', id: 'u', atBytes: end(20) },
    { word: 'install', id: 'u', atBytes: end(60) },
    { word: 'ended', id: 'u', atBytes: end(180) },
  ];
  const choose = (seed: string) =>
    choosePoints(entries, marks, 100, seed).map(({ before, what }) => `${before} ${what}`);
  expect(choose('one')).toEqual(choose('one'));
  expect(choose('one')).not.toEqual(choose('two'));
  const points = choosePoints(entries, marks, 100, 'one');
  expect(points.length).toBe(100);
  for (const { step, before } of points) {
    expect([before >= (step === 'stop' ? 20 : 60), before <= (step === 'stop' ? 60 : 180)]).toEqual([true, true]);
  }
});
