import { expect, it } from 'vitest';
import { openHeld } from '../../../daemon/gates/held.ts';
import { scene } from '../../support/fake-box.ts';

async function box(clockKnown = true) {
  const { tools } = await scene({ clockKnown: async () => clockKnown });
  const now = { ms: 1_700_000_000_000 };
  const parts = { ...tools, clock: { ...tools.clock, now: () => now.ms } };
  return { held: openHeld(parts), afterReboot: () => openHeld(parts), now };
}

it('remembers over a reboot since when updates are held back, however often they are', async () => {
  const { held, afterReboot, now } = await box();
  expect(await held.sinceMs()).toBe(null);
  await held.begins();
  const since = now.ms;
  now.ms += 86_400_000;
  await held.begins();
  expect(await held.sinceMs()).toBe(since);
  expect(await afterReboot().sinceMs()).toBe(since);
  await held.ends();
  expect(await held.sinceMs()).toBe(null);
  expect(await afterReboot().sinceMs()).toBe(null);
});

it('notes nothing while the clock may be years off', async () => {
  const { held } = await box(false);
  await held.begins();
  expect(await held.sinceMs()).toBe(null);
});

it('counts from now when the clock was ahead', async () => {
  const { held, now } = await box();
  await held.begins();
  now.ms -= 86_400_000;
  expect(await held.sinceMs()).toBe(now.ms);
});
