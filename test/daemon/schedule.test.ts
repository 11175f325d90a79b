import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { jitterOf, openSchedule, type Schedule } from '../../daemon/schedule.ts';
import { judgeConfig } from '../../protocol/config.ts';

const minute = 60_000;
const hour = 60 * minute;
/** Local time, as the schedule is. */
const noon = new Date(2026, 2, 10, 12, 0, 0).getTime();

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], now: noon });
});
let schedule: Schedule | undefined;
afterEach(() => {
  schedule?.stop();
  vi.useRealTimers();
});

/** A schedule at work, and when it checked: ms since noon, to the second. */
function open(expression: string | null, { jitterS = 0, firstCheckMs = 1e9, boxId = 'box' } = {}) {
  const checks: number[] = [];
  schedule = openSchedule({ boxId, firstCheckMs, now: Date.now }, () => checks.push(toTheSecond(Date.now() - noon)));
  schedule.apply(configOf(expression, jitterS));
  return { schedule, checks };
}
const toTheSecond = (ms: number) => Math.floor(ms / 1000) * 1000;
const configOf = (expression: string | null, jitterS: number) =>
  judgeConfig({ server_url: 'http://updates.example/', schedule: expression, jitter_s: jitterS }).values;

it('checks a while after the start, then as the schedule says', () => {
  const { schedule, checks } = open('0 0 * * *', { firstCheckMs: 5 * minute });
  expect(schedule.nextMs()).toBe(noon + 5 * minute);
  vi.advanceTimersByTime(60 * hour + minute);
  expect(checks).toEqual([5 * minute, 12 * hour, 36 * hour, 60 * hour]);
  expect(schedule.nextMs()).toBe(noon + 84 * hour);
});

it('asks for nothing by itself without a schedule, not even after the start or a failure, until there is one', () => {
  const { schedule, checks } = open(null, { firstCheckMs: 5 * minute });
  schedule.retryAt(Date.now() + minute);
  expect(schedule.nextMs()).toBeNull();
  vi.advanceTimersByTime(48 * hour);
  expect(checks).toEqual([]);
  schedule.apply(configOf('0 0 * * *', 0));
  vi.advanceTimersByTime(24 * hour);
  expect(checks).toHaveLength(1);
});

it('is as much later on this box as its jitter says, every day the same', () => {
  const late = toTheSecond(jitterOf('box', 3600));
  expect(late).toBeGreaterThan(0);
  const { schedule, checks } = open('0 0 * * *', { jitterS: 3600 });
  expect(toTheSecond(schedule.nextMs()!)).toBe(noon + 12 * hour + late);
  vi.advanceTimersByTime(48 * hour);
  expect(checks).toEqual([12 * hour + late, 36 * hour + late]);
});

it('checks as often as it should also where the jitter is longer than the time between two checks', () => {
  const late = toTheSecond(jitterOf('box', 86_400));
  expect(late).toBeGreaterThan(10 * minute);
  const { checks } = open('*/5 * * * *', { jitterS: 86_400 });
  vi.advanceTimersByTime(late + hour + minute);
  expect(checks).toEqual(Array.from({ length: 12 }, (_, n) => (n + 1) * 5 * minute + late));
});

it('takes up another schedule and lets go of the old one', () => {
  const { schedule, checks } = open('0 * * * *');
  vi.advanceTimersByTime(90 * minute);
  schedule.apply(configOf('30 * * * *', 0));
  vi.advanceTimersByTime(2 * hour + minute);
  expect(checks).toEqual([hour, 150 * minute, 210 * minute]);
});

describe('after a failure', () => {
  it('tries again before its time, and at the last time that it was told', () => {
    const { schedule, checks } = open('0 0 * * *');
    schedule.retryAt(noon + hour);
    schedule.retryAt(noon + 2 * hour);
    expect(schedule.nextMs()).toBe(noon + 2 * hour);
    vi.advanceTimersByTime(11 * hour);
    expect(checks).toEqual([2 * hour]);
  });

  it('does not try again once there is no need', () => {
    const { schedule, checks } = open('0 0 * * *');
    schedule.retryAt(noon + hour);
    schedule.retryAt(0);
    expect(schedule.nextMs()).toBe(noon + 12 * hour);
    vi.advanceTimersByTime(11 * hour);
    expect(checks).toEqual([]);
  });
});

describe('when the clock is put right', () => {
  it('by half a century, it checks once and goes on from there', () => {
    vi.setSystemTime(0);
    const { schedule, checks } = open('* * * * *');
    vi.advanceTimersByTime(10 * minute);
    checks.length = 0;
    vi.setSystemTime(noon);
    const began = performance.now();
    vi.advanceTimersByTime(5 * minute);
    expect(performance.now() - began).toBeLessThan(20_000);
    expect(checks.length).toBeGreaterThanOrEqual(4);
    expect(checks.length).toBeLessThanOrEqual(6);
    expect(toTheSecond(schedule.nextMs()!)).toBe(noon + 5 * minute);
  });

  it('past the time of a check, it makes up for it', () => {
    const { checks } = open('0 0 * * *');
    vi.setSystemTime(noon + 20 * hour);
    vi.advanceTimersByTime(hour);
    expect(checks).toHaveLength(1);
  });

  it('backwards, it does not wait for a time that is far away', () => {
    const { checks } = open('0 0 * * *');
    vi.setSystemTime(noon - 1000 * 24 * hour);
    vi.advanceTimersByTime(24 * hour);
    expect(checks).toHaveLength(1);
  });
});

it('makes up for a check that a busy machine was too late for', () => {
  const { checks } = open('0 0 * * *');
  vi.advanceTimersByTime(11 * hour + 59 * minute);
  vi.setSystemTime(noon + 12 * hour + 5000);
  vi.advanceTimersByTime(10 * minute);
  expect(checks).toHaveLength(1);
});

it('is silent once it is stopped', () => {
  const { schedule, checks } = open('* * * * *', { firstCheckMs: hour, jitterS: 600 });
  schedule.retryAt(noon + 2 * hour);
  vi.advanceTimersByTime(3 * minute);
  checks.length = 0;
  schedule.stop();
  vi.advanceTimersByTime(24 * hour);
  expect(checks).toEqual([]);
});

describe('jitter', () => {
  it('is from 0 up to its limit, and the same for one box at all times', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 0, max: 86_400 }), (boxId, jitterS) => {
        const ms = jitterOf(boxId, jitterS);
        expect(Number.isInteger(ms)).toBe(true);
        expect(ms).toBeGreaterThanOrEqual(0);
        expect(ms).toBeLessThanOrEqual(Math.max(0, jitterS * 1000 - 1));
        expect(jitterOf(boxId, jitterS)).toBe(ms);
      }),
    );
  });

  it('spreads a fleet out', () => {
    const quarters = [0, 0, 0, 0];
    for (let n = 0; n < 4000; n++) quarters[Math.floor(jitterOf(`box-${n}`, 3600) / 900_000)]!++;
    for (const boxes of quarters) expect(boxes).toBeGreaterThan(850);
  });
});
