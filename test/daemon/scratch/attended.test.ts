import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { packageName } from '../../../protocol/version.ts';
import {
  alterByte,
  builtImage,
  type ComponentShop,
  forgeImage,
  openComponentShop,
  part,
  parts,
  shopRelease,
} from '../../support/component-shop.ts';
import { makeKey } from '../../support/packages.ts';
import { it, oldRelease, type ScratchBox } from '../../support/scratch-box.ts';
import { codeOf } from '../../support/scratch-expectations.ts';
import { release } from '../../support/scratch-release.ts';

const three = ['box-config-daemon', 'plugin-thd', 'triggering'];
const four = ['box-config-daemon', 'display', 'plugin-thd', 'triggering'];

let shop: ComponentShop;
beforeAll(async () => {
  shop = await openComponentShop();
});
afterAll(() => shop.close());

type NewBox = (options: object) => Promise<ScratchBox>;

/** A box that trusts this shop, and takes what it builds. */
const attendedBox = (newBox: NewBox, at: ComponentShop = shop, builder = at.keys.builder.publicPath) =>
  newBox({
    keys: [at.keys.release.publicPath],
    builderKeys: [builder],
    config: { channel: 'attended', server_url: at.url, hardware: 'rpi/3' },
  });

const ask = { add: [] as string[], remove: [] as string[], retry: false };
const upgrade = async (box: ScratchBox, wish: object) =>
  box.ended((await box.daemon.ask('upgrade', { only: null, ...ask, ...wish })).id);
const view = (box: ScratchBox) => box.daemon.ask('components', {});
const running = async (box: ScratchBox) => {
  const { components } = await view(box);
  return components.filter((row) => row.running !== null).map(({ name }) => name);
};
/** What of the components lies on the box. */
const laid = (box: ScratchBox) =>
  parts.map(({ name }) => name).filter((name) => box.has(`usr/local/box-config-daemon/${name}`));

it('a box of three components gets a fourth one built, runs it, and an undo brings the three back', async ({
  newBox,
}) => {
  const box = await attendedBox(newBox);
  expect(await view(box)).toMatchObject({ release: shopRelease, image: null, fault: null });
  expect(await running(box)).toEqual([]);
  expect(await upgrade(box, { only: three })).toMatchObject({ outcome: 'confirmed', from: oldRelease.version });
  expect(await running(box)).toEqual(three);

  // Of the same release: another set is what makes it another image.
  const { exitCode, last } = await box.cli('upgrade', '--add', 'display');
  expect([exitCode, last]).toMatchObject([0, { outcome: 'confirmed', from: shopRelease, to: shopRelease }]);
  expect(await running(box)).toEqual(four);
  expect(laid(box).sort()).toEqual(four);
  const { image } = await view(box);
  expect(image).toMatch(/^[0-9a-f]{64}$/);
  expect((await box.status()).available).toMatchObject({ version: shopRelease, upgrades: {} });
  expect(await codeOf(upgrade(box, {}))).toBe('SAME_COMPONENTS');

  const undone = await box.cli('rollback', '--wait');
  expect([undone.exitCode, undone.last]).toMatchObject([0, { outcome: 'undone' }]);
  expect(await running(box)).toEqual(three);
  expect(laid(box).sort()).toEqual(three);
  expect((await view(box)).image).not.toBe(image);
});
