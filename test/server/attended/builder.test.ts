import { createHash } from 'node:crypto';
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { defaultArchiveLimits, type ListedContent } from '../../../protocol/archive.ts';
import { proveImage } from '../../../protocol/attended-image.ts';
import { verifyIndex } from '../../../protocol/component-index.ts';
import { parsePublicKey } from '../../../protocol/keys.ts';
import { unpacked } from '../../../server/release/bzip2.ts';
import { errorOf } from '../../support/error-of.ts';
import { keptArchive } from '../../support/kept-archive.ts';
import { base } from './contract.ts';
import { dialects, makeStore, oldRelease, openShop, type Shop, sign, usualParts } from './shop.ts';

const path = '/api/build-request';
const whole = { ...base, ...dialects.B, packages: ['display', 'triggering'] };

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});
const shopWith = async (...args: Parameters<typeof openShop>): Promise<Shop> => {
  const shop = await openShop(...args);
  open.push(() => shop.close());
  return shop;
};

async function imageOf(shop: Shop, more: object = {}): Promise<Buffer> {
  const { status, json } = await shop.post(path, { ...whole, ...more });
  expect([status, json.error]).toEqual([200, undefined]);
  return (await shop.get(`${json.files}${json.sysupgrade}`)).bytes;
}

/** The image as a box reads it: entries and the SHA-256 of each file. */
async function readImage(
  bytes: Buffer,
): Promise<{ content: ListedContent; sha256Of: (name: string) => string; tar: Buffer }> {
  const chunks: Buffer[] = [];
  for await (const chunk of unpacked(pieces(bytes))) chunks.push(chunk);
  const tar = Buffer.concat(chunks);
  const { content, files } = keptArchive(tar, defaultArchiveLimits, undefined, oldRelease);
  const sha256Of = (name: string) =>
    createHash('sha256')
      .update(files.get(name) ?? '')
      .digest('hex');
  return { content, sha256Of, tar };
}

async function* pieces(bytes: Buffer) {
  yield bytes;
}

async function indexOf(root: string) {
  const key = parsePublicKey(await readFile(join(root, 'key/public_key.pem'), 'utf8'));
  const [bytes, signature] = await Promise.all(
    ['index.json', 'index.json.sig'].map((name) => readFile(join(root, 'store', name))),
  );
  return verifyIndex(bytes!, signature!.toString(), [key], Date.now() / 1000);
}

describe('The builder', () => {
  it('gives the same bytes for the same request, another time, and with the components published in another order', async () => {
    const root = await mkdtemp(join(tmpdir(), 'opq-order-'));
    await makeStore(root, [...usualParts].reverse());
    const [one, two] = [await shopWith(), await shopWith({}, { root })];
    const image = await imageOf(one);
    expect((await imageOf(two)).equals(image)).toBe(true);
    const { json } = await one.post(path, whole);
    await one.stop();
    await rm(join(one.root, 'cache', 'images', json.image_hash), { recursive: true });
    const again = await shopWith({}, { root: one.root });
    expect((await imageOf(again)).equals(image)).toBe(true);
    open.shift();
  });

  it('packs what a box proves against the signed index: the components asked for, and nothing else', async () => {
    const shop = await shopWith({ defaults_keys: ['box_id'] });
    const { content, sha256Of } = await readImage(await imageOf(shop, { defaults: '{"box_id":"a"}' }));
    const index = await indexOf(shop.root);
    const proven = proveImage(content, sha256Of, index, 'rpi/3');
    expect(proven.components.map(({ name, version }) => `${name} ${version}`)).toEqual([
      'display 2.0',
      'triggering 1.9',
      'updater 1.0.0',
    ]);
    expect(proven.hasDefaults).toBe(true);
    expect(errorOf(() => proveImage(content, sha256Of, index, 'rpi/4'))).toBe('HARDWARE_MISMATCH');
  });

  it('makes images in which a box refuses whatever a stolen key of a builder would add', async () => {
    const shop = await shopWith();
    const { content, sha256Of } = await readImage(await imageOf(shop));
    const index = await indexOf(shop.root);
    const file = (name: string) => ({ ...content.entries.find((entry) => entry.name === 'VERSION')!, name });
    const withEntry = (name: string) => ({ ...content, entries: [...content.entries, file(name)] });
    const says = (more: object) => ({ ...content, updateJson: { ...content.updateJson, ...more } });
    const other = (name: string) => (asked: string) =>
      asked === name ? '0'.repeat(64) : asked === 'VERSION' ? 'v' : sha256Of(asked);
    const lacking = { ...index, components: index.components.filter(({ name }) => name !== 'triggering') };
    const conflicting = {
      ...index,
      components: index.components.map((entry) => ({ ...entry, conflicts: ['display'] })),
    };
    const rows: [string, () => unknown][] = [
      ['a file beside the components', () => proveImage(withEntry('rc.local'), sha256Of, index, 'rpi/3')],
      ['a file within a component', () => proveImage(withEntry('triggering/rc.local'), sha256Of, index, 'rpi/3')],
      [
        'a component that the index does not have',
        () => proveImage(withEntry('evil/run.sh'), sha256Of, index, 'rpi/3'),
      ],
      ['another content', () => proveImage(content, other('triggering/file.txt'), index, 'rpi/3')],
      [
        'another version',
        () =>
          proveImage(
            says({ components: { display: '2.0', triggering: '9.9', updater: '1.0.0' } }),
            sha256Of,
            index,
            'rpi/3',
          ),
      ],
      [
        'a component less than it says',
        () =>
          proveImage(
            says({ components: { ...content.updateJson!.components, 'plugin-thd': '0.1' } }),
            sha256Of,
            index,
            'rpi/3',
          ),
      ],
      ['services to stop', () => proveImage(says({ services: ['ssh.service'] }), sha256Of, index, 'rpi/3')],
      ['paths to write', () => proveImage(says({ writable_paths: ['/etc'] }), sha256Of, index, 'rpi/3')],
      [
        'an updater that is none',
        () => proveImage(says({ updater: { version: '9.0.0', path: 'display' } }), sha256Of, index, 'rpi/3'),
      ],
      [
        'a component of a later release',
        () => proveImage({ ...content, version: oldRelease - 1 }, sha256Of, index, 'rpi/3'),
      ],
      ['a component that was withdrawn', () => proveImage(content, sha256Of, lacking, 'rpi/3')],
      ['components that do not go together', () => proveImage(content, sha256Of, conflicting, 'rpi/3')],
    ];
    const outcomes = rows.map(([what, prove]) => [what, errorOf(prove)]);
    expect(outcomes).toEqual(rows.map(([what]) => [what, 'COMPONENT_REFUSED']));
  });

  it('does not pack a component whose files are not those of the index', async () => {
    const shop = await shopWith();
    const folders = await readdir(join(shop.root, 'store/components'));
    const folder = folders.find((name) => name.startsWith('triggering_1.9_'))!;
    await appendFile(join(shop.root, 'store/components', folder, 'content/file.txt'), 'rm -rf /\n');
    const { status, json } = await shop.post(path, whole);
    expect(status).toBe(500);
    const log = (await shop.get(json.log)).bytes.toString();
    expect(log).toContain('COMPONENT_REFUSED');
    expect(log).not.toContain(shop.root);
  });

  it('does not build what is asked for past the server, when the index does not have it', async () => {
    const shop = await shopWith({ hold_ms: 0, workers: 0 });
    await shop.stop();
    const plan = {
      distro: 'opq',
      version: oldRelease,
      target: 'rpi/3',
      profile: 'generic',
      components: [{ name: 'triggering', version: '6.6', sha256: '0'.repeat(64) }],
      defaults: null,
      max_bytes: 1_000_000,
    } as const;
    const { imageHash } = await import('../../../server/attended/plan.ts');
    const hash = imageHash({ ...plan, components: [...plan.components] });
    await writeFile(join(shop.root, 'cache/queue', `000000000001-${hash}.json`), JSON.stringify({ tries: 0, plan }));
    const bad = JSON.stringify({
      tries: 0,
      plan: { ...plan, components: [{ name: '../../etc', version: '1', sha256: '0' }] },
    });
    await writeFile(join(shop.root, 'cache/queue', `000000000002-${'1'.repeat(64)}.json`), bad);
    const back = await shopWith({ hold_ms: 0 }, { root: shop.root });
    open.splice(0, 1);
    const about = join(shop.root, 'cache/images', hash, '.about.json');
    await expect
      .poll(() => readFile(about, 'utf8').catch(() => ''), { timeout: 30_000 })
      .toContain('COMPONENT_REFUSED');
    expect(back.lines.join('\n')).toContain('cannot be read and is removed');
  });
});

describe('The store', () => {
  it('shows a new component with the next request, without a restart', async () => {
    const shop = await shopWith();
    await makeStore(shop.root, [{ name: 'plugin-print', version: '3.0' }]);
    const check = { ...base, ...dialects.B, installed: { 'plugin-print': '2.9' } };
    expect((await shop.post('/api/upgrade-check', check)).json.upgrades).toEqual({ 'plugin-print': ['3.0', '2.9'] });
    await imageOf(shop, { packages: ['plugin-print'] });
  });

  it('stays as it was while an index is there that the publisher did not sign, and says so in the log', async () => {
    const shop = await shopWith();
    await imageOf(shop);
    await appendFile(join(shop.root, 'store/index.json'), ' ');
    expect((await shop.post('/api/upgrade-check', { ...base, ...dialects.B })).status).toBe(200);
    expect(shop.lines.join('\n')).toContain('is not signed by');
    await sign(shop.root, Math.floor(Date.now() / 1000));
    await imageOf(shop, { packages: ['triggering'] });
  });

  it('offers nothing once the index has expired', async () => {
    const shop = await shopWith();
    shop.clock.aheadMs = 31 * 86_400_000;
    const { status, headers } = await shop.post(path, whole);
    expect([status, headers['retry-after']]).toEqual([503, '300']);
  });
});
