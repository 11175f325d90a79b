import { mkdir, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import type { Box } from '../../daemon/box/box.ts';
import { becomesHealthy } from '../../daemon/health.ts';
import { scene, service } from '../support/fake-box.ts';

/** A box after the reboot with a check of its owner; its clock goes on only while somebody waits. */
async function afterReboot(over: Partial<Box>) {
  const box = await scene(over);
  const folder = box.places.at('/etc/opq-updater/health.d');
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}/50-grid`, '', { mode: 0o755 });
  let ms = 0;
  box.tools.clock.monotonic = () => ms;
  box.tools.clock.sleep = async (more) => {
    ms += more;
  };
  return {
    ...box,
    health: () => becomesHealthy({ baseline: { [service]: 'active' }, gateway: false }, box.tools),
    waitedMs: () => ms,
  };
}

const answers = (...exitCodes: number[]): Partial<Box> => ({
  runProgram: async () => ({ exitCode: exitCodes.shift() ?? 1, output: 'no waveform' }),
});

it('is healthy at once where every check agrees', async () => {
  const box = await afterReboot(answers(0));
  expect(await box.health()).toMatchObject({ ok: true });
  expect(box.waitedMs()).toBe(0);
});

it('is healthy when a check says yes that said no before', async () => {
  const box = await afterReboot(answers(1, 1, 1, 0));
  expect(await box.health()).toMatchObject({ ok: true });
});

it('is not healthy when a check says no for five minutes, long before a trial may end', async () => {
  const box = await afterReboot(answers());
  expect(await box.health()).toMatchObject({ ok: false, message: expect.stringContaining('no waveform') });
  expect(box.waitedMs()).toBeGreaterThanOrEqual(300_000);
  expect(box.waitedMs()).toBeLessThan(400_000);
});

it('is not healthy when a service starts again and again, too slowly for systemd to give up on it', async () => {
  let restarts = 0;
  const box = await afterReboot({
    ...answers(0),
    service: async () => ({ state: restarts++ % 3 === 0 ? 'active' : 'starting', restarts, byHand: false }),
  });
  await writeFile(box.places.config, '{"server_url":"http://127.0.0.1:1/","health_stable_s":5}');
  expect(await box.health()).toMatchObject({ ok: false, message: expect.stringContaining('restarts') });
  expect(box.waitedMs()).toBeGreaterThanOrEqual(300_000);
  expect(box.waitedMs()).toBeLessThan(400_000);
});

it('does not count the time in which a service is not up, though it has not failed either', async () => {
  let looks = 0;
  const box = await afterReboot({
    ...answers(0),
    service: async () => ({
      state: ++looks <= 20 && looks % 5 === 0 ? 'starting' : 'active',
      restarts: 0,
      byHand: false,
    }),
  });
  await writeFile(box.places.config, '{"server_url":"http://127.0.0.1:1/","health_stable_s":5}');
  expect(await box.health()).toMatchObject({ ok: true });
  // Half a second a look: the last one that it was not up in, and five seconds of being up.
  expect(box.waitedMs()).toBe(20 * 500 + 5000);
});

it('does not wait for a check beyond the end of the trial', async () => {
  const box = await afterReboot(answers());
  await writeFile(box.places.config, '{"server_url":"http://127.0.0.1:1/","health_stable_s":0,"trial_deadline_s":60}');
  expect(await box.health()).toMatchObject({ ok: false, message: expect.stringContaining('no waveform') });
  expect(box.waitedMs()).toBeLessThan(100_000);
});

it('looks at the services as well while it waits for a check', async () => {
  const box = await afterReboot({
    async runProgram() {
      box.services.set(service, { state: 'failed', restarts: 0, byHand: false });
      return { exitCode: 1, output: '' };
    },
  });
  expect(await box.health()).toMatchObject({ ok: false, message: expect.stringContaining(service) });
});
