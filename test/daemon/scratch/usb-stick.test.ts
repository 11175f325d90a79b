import { copyFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { packageName } from '../../../protocol/version.ts';
import { it, oldRelease } from '../../support/scratch-box.ts';
import { expectUsable, expectWhole } from '../../support/scratch-expectations.ts';
import { release } from '../../support/scratch-release.ts';

const good = release(1_550_000_002);

it('installs a package from a stick and stays until it is confirmed', async ({ newBox, publisher }) => {
  const box = await newBox();
  const { exitCode, last } = await box.cli('install', await publisher.stick(good), '--wait');
  expect(exitCode).toBe(0);
  expect(last).toMatchObject({ event: 'verdict', outcome: 'confirmed', by: 'file' });
  await expectWhole(box, good);
});

/** What people do to files on sticks. */
const mishaps: [string, number, string, (path: string) => Promise<string>][] = [
  [
    'without its signature',
    4,
    'SIGNATURE_MISSING',
    async (path) => {
      await rm(`${path}.sig`);
      return path;
    },
  ],
  [
    'under a name of its own',
    2,
    'NOT_FOUND',
    async (path) => {
      await rename(path, join(dirname(path), 'update.tar.bz2'));
      return join(dirname(path), 'update.tar.bz2');
    },
  ],
  [
    'under the name of another version',
    4,
    'VERSION_MISMATCH',
    async (path) => {
      const renamed = join(dirname(path), packageName(good.version + 1));
      await copyFile(path, renamed);
      await copyFile(`${path}.sig`, `${renamed}.sig`);
      return renamed;
    },
  ],
  ['that is not there', 2, 'NOT_FOUND', async (path) => `${path.slice(0, -'2.tar.bz2'.length)}9.tar.bz2`],
];
it.for(mishaps)('refuses a package %s', async ([, exit, code, mishap], { newBox, publisher }) => {
  const box = await newBox();
  const { exitCode, last } = await box.cli('install', await mishap(await publisher.stick(good)), '--wait');
  expect((last.because ?? last).code).toBe(code);
  expect(exitCode).toBe(exit);
  // What is missing is a slip, and no update that failed.
  if (last.code !== undefined) expect(await box.history()).toEqual([]);
  await expectWhole(box, oldRelease);
  if (exit === 4) await expectUsable(box, publisher);
});
