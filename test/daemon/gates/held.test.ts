import { expect, it } from 'vitest';
import { openHeld } from '../../../daemon/gates/held.ts';
import { scene } from '../../support/fake-box.ts';

async function box(toldTime = true) {
  const network = { toldTime };
  const { tools } = await scene({ clockKnown: async () => network.toldTime });
  const now = { ms: 1_700_000_000_000 };
  const parts = { ...tools, clock: { ...tools.clock, now: () => now.ms } };
  return { held: openHeld(parts), afterReboot: () => openHeld(parts), now, network };
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

it('counts by a clock that nobody put right as long as nobody does, and anew from when somebody did', async () => {
  const { held, afterReboot, now, network } = await box(false);
  await held.begins();
  const since = now.ms;
  now.ms += 20 * 86_400_000;
  expect(await afterReboot().sinceMs()).toBe(since);
  network.toldTime = true;
  now.ms += 400 * 86_400_000;
  expect(await held.sinceMs()).toBe(now.ms);
  expect(await afterReboot().sinceMs()).toBe(now.ms);
});

it('counts from now when the clock was ahead, and goes on counting', async () => {
  const { held, now } = await box();
  await held.begins();
  now.ms -= 86_400_000;
  const since = now.ms;
  expect(await held.sinceMs()).toBe(since);
  now.ms += 3_600_000;
  expect(await held.sinceMs()).toBe(since);
});

it('keeps what it knows on a box that begins at 1970, until the network has told the time', async () => {
  const { held, afterReboot, now, network } = await box();
  await held.begins();
  const since = now.ms;
  network.toldTime = false;
  now.ms = 60_000;
  expect(await afterReboot().sinceMs()).toBe(60_000);
  network.toldTime = true;
  now.ms = since + 3_600_000;
  expect(await afterReboot().sinceMs()).toBe(since);
});
