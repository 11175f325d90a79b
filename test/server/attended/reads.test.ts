import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyIndex } from '../../../protocol/component-index.ts';
import { parsePublicKey } from '../../../protocol/keys.ts';
import { base, error } from './contract.ts';
import { dialects, newRelease, oldRelease, openShop, type Shop } from './shop.ts';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

describe('What is only read', () => {
  const q = `distro=opq&version=${oldRelease}`;
  it.each<[string, number, unknown]>([
    [`/api/image/${'0'.repeat(64)}`, 404, {}],
    [`/api/manifest/${'0'.repeat(64)}`, 404, {}],
    ['/api/nothing', 404, {}],
    ['/json/', 404, {}],
    ['/api/build-request', 400, error],
    ['/api/distros', 200, [{ name: 'opq', alias: 'OPQ', description: 'OPQ Box', latest: String(newRelease) }]],
    [
      '/api/distributions',
      200,
      { opq: { distro_alias: 'OPQ', latest: String(newRelease), versions: { [oldRelease]: {}, [newRelease]: {} } } },
    ],
    [
      '/api/versions?distro=opq',
      200,
      [oldRelease, newRelease].map((v) => ({ distro: 'opq', version: String(v), alias: '' })),
    ],
    ['/api/versions?distro=lime', 200, []],
    [
      `/api/models?${q}&model_search=box+2`,
      200,
      [{ distro: 'opq', version: String(oldRelease), target: 'rpi/3', profile: 'opqbox-2', model: 'OPQ Box 2' }],
    ],
    [`/api/models?${q}`, 400, []],
    ['/api/models?distro=opq&model_search=box', 400, []],
    [`/api/packages_image?${q}&target=rpi/3&profile=opqbox-2`, 200, ['box-config-daemon', 'triggering', 'updater']],
    [
      `/api/packages_image?${q}&target=rpi&subtarget=3&profile=opqbox-2`,
      200,
      { packages: ['box-config-daemon', 'triggering', 'updater'] },
    ],
    [`/api/packages_image?${q}&target=rpi/3`, 400, []],
    ['/api/v1/stats/packages', 200, 7],
  ])('%s is %i', async (path, status, json) => {
    const reply = await shop.get(path);
    expect([reply.status, reply.json]).toEqual([status, json]);
    expect(reply.headers['content-type']).toBe('application/json; charset=utf-8');
  });

  it('counts what is asked for and built', async () => {
    for (const where of Object.values(dialects)) await shop.post('/api/build-request', { ...base, ...where });
    const stats = (name: string) => shop.get(`/api/v1/stats/${name}`).then(({ json }) => json);
    expect((await stats('popular_packages'))[0]).toEqual({
      package_name: expect.any(String),
      count: expect.any(Number),
    });
    expect(await stats('popular_targets')).toEqual([
      { count: expect.any(Number), build_seconds: expect.any(Number), target: 'rpi/3' },
    ]);
    const images = await stats('images');
    expect(await stats('image_stats')).toEqual(images);
    expect(images.total).toBe(images.stored);
    expect(images.requested).toBeGreaterThan(images.total);
  });
});

describe('A page of another site', () => {
  it('may ask the API, and read what it says', async () => {
    const preflight = await shop.say('OPTIONS', '/api/build-request', undefined, { Origin: 'http://chef.example' });
    expect([preflight.status, preflight.bytes.length]).toEqual([204, 0]);
    expect(preflight.headers['access-control-allow-headers']).toContain('Content-Type');
    for (const reply of [
      preflight,
      await shop.get('/api/distros'),
      await shop.get('/api/nothing'),
      await shop.post('/api/upgrade-check', ''),
    ]) {
      expect(reply.headers['access-control-allow-origin']).toBe('*');
      expect(reply.headers['access-control-expose-headers']).toBe(
        'X-Imagebuilder-Status, X-Build-Queue-Position, X-Unknown-Package',
      );
    }
  });

  it('may not ask the rest of the server', async () => {
    expect((await shop.get('/')).headers['access-control-allow-origin']).toBeUndefined();
    expect((await shop.say('OPTIONS', '/version')).status).toBe(405);
  });
});

describe('the index of components', () => {
  const text = 'text/plain; charset=utf-8';
  it.each(['index.json', 'index.json.sig'])(
    '/components/%s is the file of the store, never from a cache',
    async (name) => {
      const { status, headers, bytes } = await shop.get(`/components/${name}`);
      expect([status, headers['content-type'], headers['cache-control']]).toEqual([200, text, 'no-store']);
      expect(bytes).toEqual(await readFile(join(shop.root, 'store', name)));
    },
  );

  it('is what the publisher has signed, also when it has expired: a box says so by itself', async () => {
    shop.clock.aheadMs = 400 * 86_400_000;
    const [index, signature] = [await shop.get('/components/index.json'), await shop.get('/components/index.json.sig')];
    shop.clock.aheadMs = 0;
    const pem = await readFile(join(shop.root, 'key/public_key.pem'), 'utf8');
    const judged = (nowS: number) => verifyIndex(index.bytes, `${signature.bytes}`, [parsePublicKey(pem)], nowS);
    expect(judged(Date.now() / 1000).components).not.toEqual([]);
    expect(() => judged(Date.now() / 1000 + 400 * 86_400)).toThrow();
  });

  it.each(['', 'index', 'index.json.sig.x', '..%2fprofiles.json', '../profiles.json', 'profiles.json'])(
    'has nothing else beside it: /components/%s is 404',
    async (name) => {
      const { status, json } = await shop.get(`/components/${name}`);
      expect([status, json]).toEqual([404, {}]);
    },
  );

  it('is 404 before there is one', async () => {
    const file = join(shop.root, 'store/index.json');
    await rename(file, `${file}.away`);
    expect((await shop.get('/components/index.json')).status).toBe(404);
    await rename(`${file}.away`, file);
    expect((await shop.get('/components/index.json')).status).toBe(200);
  });
});
