import { readdir, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../../support/until.ts';
import { base } from './contract.ts';
import { dialects, openShop, type Shop } from './shop.ts';

const path = '/api/build-request';
const whole = { ...base, ...dialects.B };
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

let shop: Shop;
afterEach(() => shop.close());
/** Asked for, and done: on a busy machine the first answer may come before that. */
const build = async (packages: readonly string[], more: object = {}) => {
  const { json } = await shop.post(path, { ...whole, packages, ...more });
  await until('the end of the build', async () => (await status(json)) !== 202);
  return json;
};
const status = async ({ request_hash }: { request_hash: string }) => (await shop.get(`${path}/${request_hash}`)).status;
const folders = () => readdir(join(shop.root, 'cache/images'));
const noise = (seed: number) =>
  Array.from({ length: 200_000 }, (_, i) => ((i * seed * 2654435761) >>> 3).toString(36)).join('');
const bigParts = ['triggering', 'display', 'plugin-thd'].map((name, i) => ({
  name,
  version: '1',
  files: { big: noise(i + 3) },
}));

describe('What was built is kept', () => {
  it.each([
    ['an image for a week', ['triggering'], {}, 7 * dayMs],
    ['an image with defaults for half an hour', ['triggering'], { defaults: '{"box_id":1}' }, hourMs / 2],
    ['a failure for an hour', ['display'], {}, hourMs],
  ])('%s', async (_, packages, more, lifeMs) => {
    shop = await openShop({ defaults_keys: ['box_id'] });
    const built = await build(packages, more);
    const first = await status(built);
    shop.clock.aheadMs = lifeMs - 60_000;
    await shop.attended.collect();
    expect(await status(built)).toBe(first);
    shop.clock.aheadMs = lifeMs + 60_000;
    expect(await status(built)).toBe(404);
    await shop.attended.collect();
    expect(await folders()).toEqual([]);
  });

  it('and built again when it is asked for after its time', async () => {
    shop = await openShop();
    const built = await build(['triggering']);
    shop.clock.aheadMs = 8 * dayMs;
    await build(['triggering']);
    shop.clock.aheadMs = 0; // where the worker is, whose clock is not turned
    expect(await status(built)).toBe(200);
    expect((await shop.get('/api/v1/stats/images')).json.total).toBe(2);
  });

  it('but failures are forgotten when the operator says so', async () => {
    shop = await openShop();
    const [image, failure] = [await build(['triggering']), await build(['display'])];
    expect(await shop.attended.flushFailures()).toBe(1);
    expect([await status(image), await status(failure)]).toEqual([200, 404]);
  });

  it('across a restart, with its numbers', async () => {
    const first = await openShop();
    shop = first;
    const built = await build(['triggering']);
    await first.stop();
    shop = await openShop({}, { root: first.root });
    expect(await status(built)).toBe(200);
    expect((await shop.get('/api/v1/stats/images')).json).toEqual({ total: 1, stored: 1, requested: 1 });
  });
});

describe('The quota of bytes', () => {
  const open = async () => {
    shop = await openShop(
      { max_cache_bytes: 1_400_000, workers: 1 },
      { parts: [{ name: 'updater', version: '1.0.0' }, ...bigParts] },
    );
  };

  it('takes what was used longest ago, and never what is younger than an hour or being downloaded', async () => {
    await open();
    const one = await build(['triggering']);
    const two = await build(['display']);
    shop.clock.aheadMs = 10_000;
    await shop.get(`${one.files}sha256sums`);
    await shop.attended.collect();
    expect([await status(one), await status(two)]).toEqual([200, 200]);

    const full = await shop.post(path, { ...whole, packages: ['plugin-thd'] });
    expect([full.status, full.headers['retry-after']]).toEqual([503, '60']);

    shop.clock.aheadMs = 2 * hourMs;
    const download = await paused(`${shop.url}${two.files}${two.sysupgrade}`);
    await shop.attended.collect();
    expect([await status(one), await status(two)]).toEqual([404, 200]);
    download.resume();
    await new Promise((resolve) => download.once('end', resolve));
  });

  it('leaves room again once something may go', async () => {
    await open();
    for (const name of ['triggering', 'display']) await build([name]);
    shop.clock.aheadMs = 2 * hourMs;
    const reply = await shop.post(path, { ...whole, packages: ['plugin-thd'] });
    expect(reply.status).toBe(200);
    await shop.attended.collect();
    expect((await folders()).length).toBeLessThan(3);
  });

  it('finds what a worker left half done when it was killed', async () => {
    await open();
    await writeFile(join(shop.root, 'cache/images', `.${'0'.repeat(64)}.123`), 'half');
    await shop.attended.collect();
    expect(await folders()).toHaveLength(1);
    shop.clock.aheadMs = dayMs;
    await shop.attended.collect();
    expect(await folders()).toEqual([]);
  });
});

/** A download whose client reads nothing for now. */
const paused = (url: string) =>
  new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    get(url, { agent: false }, (answer) => resolve(answer.pause())).on('error', reject);
  });
