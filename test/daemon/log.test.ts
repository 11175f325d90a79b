import { mkdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { openLog } from '../../daemon/log.ts';
import { UpdateError } from '../../protocol/errors.ts';
import type { LogLine } from '../../protocol/views.ts';

let file = '';
let printed: string[] = [];
beforeEach(async () => {
  const dir = await mkdtemp(join(tmpdir(), 'opq-log-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  file = join(dir, 'log/opq/box_updater.log');
  printed = [];
});
const at = Date.UTC(2026, 2, 1, 10);
const open = () =>
  openLog(
    file,
    () => at,
    (line) => printed.push(line),
  );

it('is one line an event, printed, kept in the file and told to who follows', async () => {
  const log = open();
  const told: LogLine[] = [];
  const stop = log.follow((line) => told.push(line));
  log.info('download', { to: 7, of: 'two words', none: undefined, empty: '' });
  log.warn('slow');
  stop();
  log.error('failed', new UpdateError('DISK_FULL', 'Full.', { cause: new UpdateError('DISK_FAILED', 'Why.') }));
  expect(printed).toEqual([
    'download to=7 of="two words" empty=""',
    'warn: slow',
    'error: failed: DISK_FULL Full. (because: DISK_FAILED Why.)',
  ]);
  expect(told.map(({ text }) => text)).toEqual(['download to=7 of="two words" empty=""', 'slow']);
  expect(await log.tail(2)).toEqual([
    { at: '2026-03-01T10:00:00.000Z', level: 'warn', text: 'slow' },
    { at: '2026-03-01T10:00:00.000Z', level: 'error', text: printed[2]!.slice('error: '.length) },
  ]);
  expect(await open().tail(0)).toEqual([]);
  expect((await stat(file)).mode & 0o007).toBe(0);
});

it('keeps every text on its one line, whatever a script or server says', () => {
  const log = open();
  const nasty = fc.string({ unit: 'binary' });
  return fc.assert(
    fc.asyncProperty(nasty, nasty, async (event, value) => {
      printed = [];
      log.info(`${event}\n2026-03-01T10:00:00.000Z info faked \u001b[2J`, { value });
      expect(printed).toHaveLength(1);
      expect(printed[0]).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
      const [line] = await log.tail(1);
      expect(line?.text).toBe(printed[0]);
    }),
    { numRuns: 20 },
  );
});

it('says where a surprise came from', () => {
  open().error('failed', new TypeError('x is not a function'));
  expect(printed[0]).toMatch(/x is not a function at TypeError: .*\\x0a .*log\.test/);
});

it('keeps one older file and no more', async () => {
  const log = open();
  for (let n = 0; n < 2_500; n++) log.info(`line ${n} ${'x'.repeat(1000)}`);
  const sizes = [(await stat(file)).size, (await stat(`${file}.1`)).size];
  for (const size of sizes) expect(size).toBeLessThan(1_100_000);
  const lines = await log.tail(1200);
  expect(lines).toHaveLength(1200);
  expect(lines.at(-1)?.text).toMatch(/^line 2499 /);
  expect(lines[0]?.text).toMatch(/^line 1300 /);
});

it('goes on when the file cannot be written, and says so', () => {
  const log = open();
  mkdirSync(file, { recursive: true });
  log.info('still here');
  expect(printed[0]).toBe('still here');
  expect(printed[1]).toMatch(/^warn: .*cannot be written/);
});

it('begins also where its folder cannot be made', async () => {
  await writeFile(join(file, '../..'), '');
  open().info('still here');
  expect(printed[0]).toBe('still here');
});

it('passes over lines that it did not write, as a power cut may leave them', async () => {
  const log = open();
  log.info('before');
  await writeFile(file, `${await readFile(file, 'utf8')}\u0000\u0000\u0000\ntorn`);
  log.info('after');
  log.info('last');
  expect((await log.tail(10)).map(({ text }) => text)).toEqual(['before', 'after', 'last']);
});
