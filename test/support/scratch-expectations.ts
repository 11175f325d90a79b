import { expect } from 'vitest';
import { UpdateError } from '../../protocol/errors.ts';
import type { Publisher } from './publisher.ts';
import type { ScratchBox } from './scratch-box.ts';
import { type Release, release } from './scratch-release.ts';

/** Old or new, whole, running, and nothing left over: seen from outside. */
export async function expectWhole(box: ScratchBox, expected: Release): Promise<void> {
  const { 'etc/opq/updater_config.json': _, ...tree } = box.tree();
  const keys = Object.fromEntries(Object.entries(tree).filter(([name]) => name.startsWith('etc/opq-updater/keys/')));
  expect(tree).toEqual({ ...expected.tree, ...keys });
  await box.until(`the service of ${expected.version}`, () => box.serving() === expected.version);
  expect((await box.status()).installed).toBe(expected.version);
  const documented =
    /^(aside|box-id|black-box(\.old)?\.jsonl|held-since|postponed\.json|floor|history\.jsonl|journal\.json(\.bad-\d)?|previous|quarantine\.json|settings\.json)$/;
  expect(box.names('var/lib/opq-updater').filter((name) => !documented.test(name))).toEqual([]);
  const kept = /\.tar\.bz2\.unverified(\.etag)?$/;
  const downloads = box.has('var/opq/updater') ? box.names('var/opq/updater') : [];
  expect(downloads.filter((name) => !kept.test(name))).toEqual([]);
}

/** The updater is still able to do its work: the next good release gets in. */
export async function expectUsable(box: ScratchBox, publisher: Publisher): Promise<void> {
  const next = release(1_550_009_999);
  const { outcome } = await box.ended(await box.install(await publisher.stick(next)));
  expect(outcome).toBe('confirmed');
  await expectWhole(box, next);
}

/** The code with which the daemon refuses. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error === undefined || error instanceof UpdateError) return error?.code ?? 'no error';
  throw error;
}
