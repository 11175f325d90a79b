import fc from 'fast-check';
import { createTask } from 'node-cron';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { nextTime } from '../../daemon/cron-times.ts';

let zone: string | undefined;
beforeEach(() => {
  zone = process.env.TZ;
});
afterEach(() => {
  vi.useRealTimers();
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
});

const at = (text: string): number => new Date(text).getTime();
const isoOf = (ms: number): string => new Date(ms).toISOString();

/** What node-cron says, which knows time zones by name. */
function byNodeCron(expression: string, afterMs: number, timezone: string): number {
  vi.useFakeTimers({ toFake: ['Date'], now: afterMs });
  return createTask(expression, () => {}, { timezone })
    .getNextRuns(1)[0]!
    .getTime();
}

const step = (max: number) => fc.integer({ min: 1, max }).map((n) => `*/${n}`);
const list = (min: number, max: number) =>
  fc.uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: 4 }).map((values) => values.join(','));
const range = (min: number, max: number) =>
  fc.tuple(fc.integer({ min, max }), fc.integer({ min, max })).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
const field = (min: number, max: number) =>
  fc.oneof(fc.constant('*'), list(min, max), range(min, max), step(Math.max(2, max)));
const expressions = fc
  .tuple(field(0, 59), field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 7))
  .map((fields) => fields.join(' '));
const moments = fc.integer({ min: at('2025-12-01T00:00:00Z') / 1000, max: at('2026-02-10T00:00:00Z') / 1000 });

describe('the next time of an expression of cron', () => {
  // None of these puts an hour on or back: what is due in it both take in their own way.
  it.for(['UTC', 'Pacific/Honolulu', 'Asia/Kathmandu', 'Pacific/Marquesas'])('is that of node-cron in %s', (name) => {
    process.env.TZ = name;
    fc.assert(
      fc.property(expressions, moments, (expression, seconds) => {
        const afterMs = seconds * 1000 + 123;
        const theirs = byNodeCron(expression, afterMs, name);
        expect(isoOf(nextTime(expression, afterMs))).toBe(isoOf(theirs));
      }),
      { numRuns: 150 },
    );
  });

  const rows: [string, string, string, string][] = [
    ['nickname', '@daily', '2026-03-10T12:00:00Z', '2026-03-11T00:00:00.000Z'],
    ['29 February', '0 0 29 2 *', '2026-03-10T12:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['29 February on a Sunday', '0 0 29 2 0', '2032-03-01T00:00:00Z', '2060-02-29T00:00:00.000Z'],
    ['names', '30 4 * jan mon', '2026-03-10T12:00:00Z', '2027-01-04T04:30:00.000Z'],
    ['Sunday as 7', '0 0 * * 7', '2026-03-10T12:00:00Z', '2026-03-15T00:00:00.000Z'],
    ['the very moment', '0 12 * * *', '2026-03-10T12:00:00Z', '2026-03-11T12:00:00.000Z'],
  ];
  it.for(rows)('takes %s', ([, expression, from, expected]) => {
    process.env.TZ = 'UTC';
    expect(isoOf(nextTime(expression, at(from)))).toBe(expected);
  });

  it.for(['0 0 L * *', '0 0 15W * *', '0 0 * * 1#2', '0 0 * * 5L'])('leaves %s to node-cron', (expression) => {
    process.env.TZ = 'UTC';
    const from = at('2026-03-10T12:00:00Z');
    const theirs = byNodeCron(expression, from, 'UTC');
    expect(isoOf(nextTime(expression, from))).toBe(isoOf(theirs));
  });

  it('waits for the next day in the hour that spring takes away, and comes once in the hour that autumn gives', () => {
    process.env.TZ = 'Europe/Berlin';
    expect(isoOf(nextTime('30 2 * * *', at('2026-03-28T12:00:00Z')))).toBe('2026-03-30T00:30:00.000Z');
    const first = nextTime('30 2 * * *', at('2026-10-24T12:00:00Z'));
    expect(isoOf(first)).toBe('2026-10-25T00:30:00.000Z');
    expect(isoOf(nextTime('30 2 * * *', first))).toBe('2026-10-26T01:30:00.000Z');
  });
});

it('never, for a day that no year has, is said at once', () => {
  // The configuration refuses such a one.
  expect(() => nextTime('0 0 31 2 *', 0)).toThrow(/impossible day/);
});
