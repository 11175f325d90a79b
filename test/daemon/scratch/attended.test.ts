import { copyFileSync, mkdirSync } from 'node:fs';
import { cp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished } from 'vitest';
import { packageName } from '../../../protocol/version.ts';
import { sign, stuckWorker } from '../../server/attended/shop.ts';
import {
  alterByte,
  buildRequest,
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
import { noise, release } from '../../support/scratch-release.ts';
import { slowLine } from '../../support/slow-line.ts';

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

it('a box of three components gets a fourth one built and gives one away, and an undo brings the former set back', async ({
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

  // What a component brought to take it away is run when it is left out.
  expect(await upgrade(box, { remove: ['plugin-thd'] })).toMatchObject({ outcome: 'confirmed' });
  expect(laid(box)).toEqual(['box-config-daemon', 'triggering', 'display']);

  const undone = await box.cli('rollback', '--wait');
  expect([undone.exitCode, undone.last]).toMatchObject([0, { outcome: 'undone' }]);
  expect(await running(box)).toEqual(four);
  expect(laid(box).sort()).toEqual(four);
  expect((await view(box)).image).toBe(image);
});

/** What the server, or who has a builder's key, does to the image of `three` before a box asks for it. */
const refusals: [string, string, (image: string, at: ComponentShop) => unknown][] = [
  [
    'of a builder that is not pinned here',
    'BUILDER_UNKNOWN',
    () => {}, // what differs is the box: see below
  ],
  ['that was changed on the way', 'SIGNATURE_INVALID', (image) => alterByte(join(image, packageName(shopRelease)))],
  [
    'with a component that the index does not have',
    'COMPONENT_REFUSED',
    (image, { keys }) =>
      forgeImage(image, keys.builder, (files) => ({
        ...files,
        'triggering/install.sh': '#!/bin/sh\n# OPQ_BOX_ROOT\n',
      })),
  ],
  [
    'without a component that was asked for',
    'COMPONENT_REFUSED',
    (image, { keys }) =>
      forgeImage(image, keys.builder, ({ 'update.json': json, ...files }) => {
        const { triggering: _, ...components } = JSON.parse(json!).components;
        const kept = Object.entries(files).filter(([name]) => !name.startsWith('triggering/'));
        return { ...Object.fromEntries(kept), 'update.json': JSON.stringify({ hardware: ['rpi/3'], components }) };
      }),
  ],
  [
    'with a configuration that nobody asked for',
    'COMPONENT_REFUSED',
    (image, { keys }) => forgeImage(image, keys.builder, (files) => ({ ...files, 'defaults.json': '{}' })),
  ],
  [
    'signed by the key of releases, which builds nothing',
    'SIGNATURE_INVALID',
    (image, { keys }) => forgeImage(image, keys.release, (files) => files),
  ],
];

/** The image of `three` on the server, for a test to change. */
async function imageToSpoil(): Promise<string> {
  const image = await builtImage(shop, three);
  await cp(image, `${image}.kept`, { recursive: true });
  onTestFinished(async () => {
    await rm(image, { recursive: true });
    await rename(`${image}.kept`, image);
  });
  return image;
}

describe('An image', () => {
  for (const [what, code, spoil] of refusals) {
    it(`${what} is refused, and the box runs as before`, async ({ newBox }) => {
      const stranger = await makeKey(join(shop.root, 'stranger'));
      const box = await attendedBox(newBox, shop, code === 'BUILDER_UNKNOWN' ? stranger.publicPath : undefined);
      const before = box.tree();
      await spoil(await imageToSpoil(), shop);
      const { exitCode, last } = await box.cli('upgrade', ...three);
      expect([exitCode, last]).toMatchObject([4, { outcome: 'refused', step: 'verify', because: { code } }]);
      expect(box.tree()).toEqual(before);
      expect(box.serving()).toBe(oldRelease.version);
      expect(await running(box)).toEqual([]);
    });
  }

  it('is installed by the script of the box, whatever script it brings', async ({ newBox }) => {
    const box = await attendedBox(newBox);
    const evil = '#!/bin/sh\ntouch "$OPQ_BOX_ROOT/var/evil"\n';
    await forgeImage(await imageToSpoil(), shop.keys.builder, (files) => ({ ...files, 'install_update.sh': evil }));
    expect(await upgrade(box, { only: three })).toMatchObject({ outcome: 'confirmed' });
    expect(await running(box)).toEqual(three);
    expect(box.has('var/evil')).toBe(false);
  });
});

describe('A component index', () => {
  it('that has expired is refused by the box itself, before and after a build', async ({ newBox }) => {
    const own = await openComponentShop();
    onTestFinished(() => own.close());
    const box = await attendedBox(newBox, own);
    await sign(own.root, Math.floor(Date.now() / 1000) - 31 * 86_400, '30');
    expect((await view(box)).fault).toMatchObject({ code: 'INDEX_EXPIRED' });
    expect(await box.cli('upgrade', ...three)).toMatchObject({ exitCode: 4, last: { code: 'INDEX_EXPIRED' } });
    expect(await box.cli('components')).toMatchObject({ exitCode: 0, last: { fault: { code: 'INDEX_EXPIRED' } } });
    expect(await box.history()).toEqual([]);
  });

  it('of somebody else offers nothing', async ({ newBox }) => {
    const box = await attendedBox(newBox, { ...shop, keys: { ...shop.keys, release: shop.keys.builder } });
    expect(await codeOf(upgrade(box, { only: three }))).toBe('SIGNATURE_INVALID');
  });
});

it('a server without builds on demand is none for this channel, though it has a newer release', async ({
  newBox,
  serve,
  publisher,
}) => {
  const server = await serve(release(shopRelease));
  const box = await newBox({
    keys: [publisher.key.publicPath],
    builderKeys: [publisher.key.publicPath],
    config: { channel: 'attended', server_url: server.url, hardware: 'rpi/3' },
  });
  const { exitCode, last } = await box.cli('check', '--install');
  expect([exitCode, last]).toMatchObject([3, { code: 'NOT_OUR_SERVER' }]);
  expect(await codeOf(box.daemon.ask('install', { retry: false }))).toBe('NOT_OUR_SERVER');
  expect(await box.history()).toEqual([]);
});

it('what a builder signed is no release that a person could bring', async ({ newBox }) => {
  const box = await attendedBox(newBox);
  const folder = await builtImage(shop, three);
  mkdirSync(box.at('media'));
  for (const name of [packageName(shopRelease), `${packageName(shopRelease)}.sig`])
    copyFileSync(join(folder, name), box.at(`media/${name}`));
  const { because } = await box.ended(await box.install(box.at(`media/${packageName(shopRelease)}`)));
  expect(because).toMatchObject({ code: 'SIGNATURE_INVALID' });
});

it('a choice that only the server knows to be wrong is in the history, with the reason', async ({ newBox }) => {
  const box = await attendedBox(newBox);
  const { outcome, because } = await upgrade(box, { only: ['display'] });
  expect({ outcome, because }).toMatchObject({ outcome: 'failed', because: { code: 'COMPONENTS_CONFLICT' } });
  expect(because!.message).toContain('display needs triggering');
});

it('takes newer components of the same release by itself, and goes on to no other set', async ({ newBox }) => {
  const box = await attendedBox(newBox);
  box.write('usr/local/box-config-daemon/VERSION', `${shopRelease}\n`);
  box.write('usr/local/box-config-daemon/components.json', record(three, '0.0.1'));
  const { id } = await box.daemon.ask('check', { install: true });
  expect(await box.ended(id!)).toMatchObject({ by: 'schedule', outcome: 'confirmed' });
  expect(await running(box)).toEqual(three);
  expect(await box.daemon.ask('check', { install: true })).toMatchObject({ news: false, begun: false });
  // What a person did not want it does not take again by itself.
  expect(await box.cli('rollback', '--wait')).toMatchObject({ exitCode: 0 });
  const again = await box.daemon.ask('check', { install: true });
  expect(again).toMatchObject({ news: true, begun: false, why_not: { code: 'UNDONE' } });
  expect(await upgrade(box, { add: ['display'] })).toMatchObject({ outcome: 'confirmed' });
});

describe('A power cut', () => {
  it('in the middle of a build has the box ask again, and go on', async ({ newBox }) => {
    const stuck = await openComponentShop(parts, { hold_ms: 0 }, { program: stuckWorker });
    const box = await attendedBox(newBox, stuck);
    const { id } = await box.daemon.ask('upgrade', { ...ask, only: three });
    await box.until('the build', async () => (await box.status()).update?.progress?.text === 'being built');
    await box.cutPower();
    await stuck.stop();
    const mended = await openComponentShop(parts, {}, { root: stuck.root, port: Number(new URL(stuck.url).port) });
    onTestFinished(() => mended.close());
    await box.boot();
    expect(await box.ended(id)).toMatchObject({ outcome: 'confirmed', cuts: [{ step: 'download' }] });
    expect(await running(box)).toEqual(three);
  });

  it('in the middle of the download goes on where it stopped', async ({ newBox }) => {
    const size = 300_000;
    const own = await openComponentShop([...parts, part('waveforms', '1', { files: { 'data.txt': noise(2 * size) } })]);
    onTestFinished(() => own.close());
    await builtImage(own, ['box-config-daemon', 'waveforms']);
    // All but the image is small.
    const line = await slowLine(own.url, 40_000, 20_000);
    onTestFinished(() => line.end());
    const box = await attendedBox(newBox, { ...own, url: line.url });
    const { id } = await box.daemon.ask('upgrade', { ...ask, only: ['box-config-daemon', 'waveforms'] });
    await box.until('a third of it', async () => ((await box.status()).update?.progress?.done ?? 0) > size / 3);
    await box.cutPower();
    line.becomesFast();
    await box.boot();
    expect(await box.ended(id)).toMatchObject({ outcome: 'confirmed', cuts: [{ step: 'download' }] });
    expect(line.carried()).toBeLessThan(1.2 * size);
  });

  it('while the box waits for its turn rests when a person does not want it any more', async ({ newBox }) => {
    const stuck = await openComponentShop(parts, { hold_ms: 0 }, { program: stuckWorker });
    onTestFinished(() => stuck.close());
    await stuck.post('/api/build-request', buildRequest(four));
    await stuck.post('/api/build-request', buildRequest(['plugin-vrms']));
    const box = await attendedBox(newBox, stuck);
    const { id } = await box.daemon.ask('upgrade', { ...ask, only: three });
    const waits = async () => (await box.status()).update?.progress?.text === 'waiting for its build, 1 come first';
    await box.until('its place in the queue', waits);
    await box.cutPower();
    await box.boot();
    await box.until('its place once more', waits);
    expect(await box.cli('cancel')).toMatchObject({ exitCode: 0, last: { cancelled: true } });
    expect(await box.ended(id)).toMatchObject({ outcome: 'cancelled' });
    expect(await running(box)).toEqual([]);
  });
});

/** What the daemon writes beside VERSION. */
const record = (names: readonly string[], version?: string): string =>
  JSON.stringify({
    version: shopRelease,
    sha256: 'ab'.repeat(32),
    components: Object.fromEntries(
      names.map((name) => [name, version ?? parts.find((one) => one.name === name)!.version]),
    ),
  });
