import { expect, it } from 'vitest';
import { openChecks } from '../../daemon/checks.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { codeOf } from '../support/error-of.ts';
import { scene } from '../support/fake-box.ts';

const minute = 60_000;

/** A box whose server answers as it is told, and whose clock stands still. */
async function asking() {
  const server = { answers: true };
  const { tools } = await scene(
    {},
    {
      latest: () => {
        if (server.answers) return null;
        throw new UpdateError('SERVER_ERROR', 'played');
      },
    },
  );
  let now = Date.now();
  const checks = openChecks(
    { ...tools, newWorker: () => tools.worker, clock: { ...tools.clock, now: () => now } },
    () => {},
  );
  return {
    checks,
    ask: async (answers: boolean, counts = true) => {
      server.answers = answers;
      await codeOf(checks.ask(counts));
    },
    jump: (ms: number) => {
      now += ms;
    },
    waits: () => Math.max(0, Math.round((checks.backOff.untilMs - now) / minute)),
  };
}

it('waits ever longer while the server does not answer, a day at most', async () => {
  const box = await asking();
  const waits = [];
  for (let n = 0; n < 12; n++) {
    await box.ask(false);
    waits.push(box.waits());
  }
  expect(waits.slice(0, 5)).toEqual([5, 10, 20, 40, 80]);
  expect(waits.at(-1)).toBe(24 * 60);
  expect(box.checks.backOff).toMatchObject({ failures: 12, code: 'SERVER_ERROR' });
});

it('waits no more once it answers, and begins small when it fails again', async () => {
  const box = await asking();
  for (const answers of [false, false, true]) await box.ask(answers);
  expect(box.waits()).toBe(0);
  await box.ask(false);
  expect(box.waits()).toBe(5);
});

it('waits a day at most where the clock was years ahead when it failed, and that passes', async () => {
  const box = await asking();
  box.jump(10 * 365 * 86_400_000);
  await box.checks.count('HEALTH_FAILED');
  box.jump(-10 * 365 * 86_400_000);
  expect(box.waits()).toBe(24 * 60);
  box.jump(23 * 3_600_000);
  expect(box.waits()).toBe(60);
});

it('goes on waiting after an update that failed, whatever the server answers, until one succeeds', async () => {
  const box = await asking();
  await box.checks.count('HEALTH_FAILED');
  await box.checks.count('HEALTH_FAILED');
  await box.ask(true);
  expect(box.waits()).toBe(10);
  await box.checks.count(null);
  expect(box.waits()).toBe(0);
});

it('knows of failures from before this boot', async () => {
  const box = await asking();
  await box.checks.count('HEALTH_FAILED', 4);
  expect(box.waits()).toBe(40);
});

it('waits no longer because a person asks', async () => {
  const box = await asking();
  await box.ask(false);
  await box.ask(false, false);
  expect(box.waits()).toBe(5);
});
