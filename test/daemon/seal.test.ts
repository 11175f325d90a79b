import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { brokenSeal, takeSeal } from '../../daemon/seal.ts';
import { aKey } from '../support/a-key.ts';
import { scene } from '../support/fake-box.ts';

/** A box with a pinned key, and what is found broken after something was done to it. */
async function sealed() {
  const { places, tools } = await scene();
  const keys = places.at('/etc/opq-updater/keys');
  await mkdir(keys, { recursive: true });
  await writeFile(`${keys}/publisher.pem`, aKey);
  const before = await takeSeal(tools);
  return { config: places.config, keys, broken: async () => brokenSeal(before, await takeSeal(tools)) };
}

it('finds nothing where nothing was changed, though a file was written anew', async () => {
  const { config, keys, broken } = await sealed();
  await writeFile(config, await readFile(config));
  await writeFile(`${keys}/publisher.pem`, aKey);
  expect(await broken()).toEqual([]);
});

it('names a key that was pinned, removed or exchanged', async () => {
  const { keys, broken } = await sealed();
  await writeFile(`${keys}/another.pem`, aKey);
  expect(await broken()).toEqual([`${keys}/another.pem`]);
  await rename(`${keys}/another.pem`, `${keys}/publisher.pem`);
  expect(await broken()).toEqual([]);
  await writeFile(`${keys}/publisher.pem`, `${aKey}\n`);
  expect(await broken()).toEqual([`${keys}/publisher.pem`]);
  await rm(keys, { recursive: true });
  expect(await broken()).toEqual([`${keys}/publisher.pem`]);
});

it('names a configuration that was changed, removed or lies elsewhere with the same words', async () => {
  const { config, broken } = await sealed();
  const text = await readFile(config);
  await writeFile(config, '{}');
  expect(await broken()).toEqual([config]);
  await rm(config);
  expect(await broken()).toEqual([config]);
  await writeFile(`${config}.elsewhere`, text);
  await symlink(`${config}.elsewhere`, config);
  expect(await broken()).toEqual([config]);
});
