import fc from 'fast-check';
import { expect, it } from 'vitest';
import { patiently } from '../../../daemon/channel/retry.ts';
import type { ErrorCode } from '../../../protocol/error-codes.ts';
import { UpdateError } from '../../../protocol/errors.ts';
import { codeOf } from '../../support/error-of.ts';

const fail = (code: ErrorCode) => new UpdateError(code, 'played');

/** Attempts that gain so many bytes each and then fail; the waits between them, and how it ended. */
async function play(gains: readonly number[], tries: number, code: ErrorCode = 'SERVER_UNREACHABLE') {
  const waits: number[] = [];
  let have = 0;
  let n = 0;
  const attempt = async () => {
    if (n === gains.length) return 'done';
    have += gains[n++]!;
    throw fail(code);
  };
  const end = patiently(
    attempt,
    () => have,
    { tries, firstWaitMs: 100 },
    async (ms) => void waits.push(ms),
  );
  const code1 = await codeOf(end);
  return { end: code1 === 'no error' ? await end : code1, attempts: n, waits };
}

it('gives up after so many failures in a row without a new byte', async () => {
  expect(await play(Array(100).fill(0), 5)).toMatchObject({ end: 'SERVER_UNREACHABLE', attempts: 5 });
});

it('follows a server that always gets a bit further to the end', async () => {
  expect(await play(Array(100).fill(1), 3)).toMatchObject({ end: 'done', attempts: 100 });
});

it('begins to count anew after each gain', async () => {
  expect(await play([0, 0, 1, 0, 1, 0], 3)).toMatchObject({ end: 'done', attempts: 6 });
  expect(await play([0, 1, 0, 0, 0], 3)).toMatchObject({ end: 'SERVER_UNREACHABLE', attempts: 4 });
});

it.each(['SIZE_MISMATCH', 'NOT_OUR_SERVER', 'TLS_FAILED', 'DISK_FULL', 'SIGNATURE_MISSING'] as const)(
  'does not try again after %s, which another try would not mend',
  async (code) => {
    expect(await play([0, 0], 8, code)).toMatchObject({ end: code, attempts: 1, waits: [] });
  },
);

it('lets pass what it did not expect', async () => {
  const surprise = new TypeError('played');
  const end = patiently(
    () => Promise.reject(surprise),
    () => 0,
    { tries: 3, firstWaitMs: 1 },
    async () => {},
  );
  await expect(end).rejects.toBe(surprise);
});

it('waits longer after each failure, another time on each box, and never for hours', () => {
  const gains = fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 40 });
  return fc.assert(
    fc.asyncProperty(gains, fc.integer({ min: 2, max: 12 }), async (all, tries) => {
      const { waits } = await play(all, tries);
      let failures = 0;
      for (const [n, wait] of waits.entries()) {
        failures = all[n]! > 0 ? 1 : failures + 1;
        const usual = 100 * 2 ** Math.min(failures - 1, 6);
        expect(wait).toBeGreaterThanOrEqual(usual * 0.75);
        expect(wait).toBeLessThanOrEqual(usual * 1.25);
      }
    }),
  );
});
