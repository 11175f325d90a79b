import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { postpone, readPostponement } from '../../daemon/postponement.ts';
import { scene } from '../support/fake-box.ts';

const hourMs = 3600_000;

/** A box whose clocks a test sets. */
async function box() {
  const { tools, places, nextBoot } = await scene();
  const now = { wallMs: 1_700_000_000_000, uptimeS: 100 };
  const parts = { ...tools, clock: { ...tools.clock, now: () => now.wallMs, uptimeS: () => now.uptimeS } };
  return { parts, places, now, nextBoot };
}

it('holds for as long as was asked, and ends by itself', async () => {
  const { parts, now } = await box();
  await postpone(parts, 7200, 'measurement running');
  expect(await readPostponement(parts)).toEqual({
    reason: 'measurement running',
    sinceMs: now.wallMs,
    untilMs: now.wallMs + 2 * hourMs,
  });
  now.uptimeS += 7199;
  now.wallMs += 7199_000;
  expect(await readPostponement(parts)).not.toBe(null);
  now.uptimeS += 1;
  expect(await readPostponement(parts)).toBe(null);
});

it('ends when a person says so, and is none before', async () => {
  const { parts } = await box();
  expect(await readPostponement(parts)).toBe(null);
  await postpone(parts, 7200, '');
  await postpone(parts, 0, '');
  expect(await readPostponement(parts)).toBe(null);
});

it('lasts through a clock that learns the time, and through a reboot', async () => {
  const { parts, now, nextBoot } = await box();
  now.wallMs = 1000;
  await postpone(parts, 7200, '');
  now.wallMs = 1_700_000_000_000;
  expect(await readPostponement(parts)).toMatchObject({ untilMs: now.wallMs + 2 * hourMs });
  await postpone(parts, 7200, '');
  nextBoot('cut');
  now.uptimeS = 5;
  now.wallMs += hourMs;
  expect(await readPostponement(parts)).toMatchObject({ untilMs: now.wallMs + hourMs });
});

it('is over, rather than for years, when the clock of a later boot is far behind', async () => {
  const { parts, now, nextBoot } = await box();
  await postpone(parts, 7200, '');
  nextBoot('cut');
  now.wallMs = 1000;
  expect(await readPostponement(parts)).toBe(null);
});

it('does not hold when its file is torn', async () => {
  const { parts, places } = await box();
  await writeFile(join(places.state, 'postponed.json'), '{"reason":"meas');
  expect(await readPostponement(parts)).toBe(null);
});
