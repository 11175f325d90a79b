import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapSpaceStatistics } from 'node:v8';
import { afterEach, expect, it, vi } from 'vitest';
import { giveBackMemory, keepHeapSmall } from '../../daemon/small-heap.ts';

afterEach(() => void vi.useRealTimers());

const youngBytes = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')!.space_size;

it('keeps no more room for young objects than there was', () => {
  keepHeapSmall();
  const before = youngBytes();
  const kept = Array.from({ length: 300_000 }, (_, n) => ({ n, more: [n] }));
  expect(youngBytes()).toBeLessThanOrEqual(before);
  expect(kept).toHaveLength(300_000);
});

const traceOfGarbage = () => new WeakRef({ text: 'x'.repeat(100) });

it('collects what the start has left after ten seconds, and each hour from then on', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval'] });
  giveBackMemory();
  for (const ms of [10_000, 3_590_000, 3_600_000]) {
    const trace = traceOfGarbage();
    // What was looked at is held until the end of the job.
    await sleep(1);
    vi.advanceTimersByTime(ms);
    expect(trace.deref()).toBeUndefined();
  }
});
