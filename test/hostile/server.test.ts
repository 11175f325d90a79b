import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openPublisher, type Publisher } from '../support/publisher.ts';
import { codeOf } from '../support/scratch-expectations.ts';
import { type Goods, makeGoods, offering, packagePath } from './goods.ts';
import { type HostileBox, openHostileBox } from './hostile-box.ts';
import { answer, type HostileServer, openHostileServer } from './hostile-server.ts';
import { serverAttacks } from './server-attacks.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const password = 'canary-word';
const canaries = [password, 'canary-name', 'canary-token', btoa(`canary-name:${password}`)];

let publisher: Publisher;
let goods: Goods;
let server: HostileServer;
let attacked: HostileBox;
beforeAll(async () => {
  publisher = await openPublisher();
  goods = await makeGoods(publisher);
  server = await openHostileServer();
  const url = `http://canary-name:${password}@127.0.0.1:${server.port}/?canary-token`;
  attacked = await openHostileBox(publisher, { config: { server_url: url, hardware: 'rpi/3' } });
});
afterAll(async () => {
  await attacked.close();
  server.close();
  await publisher.close();
});

const install = () => attacked.box.daemon.ask('install', { retry: false });

describe('A box refuses from its server', () => {
  it.for(serverAttacks)('$what', async ({ replies, code, early }) => {
    server.answers({ ...offering(goods.good), ...replies(goods) });
    expect(await attacked.refusalOf(install)).toBe(code);
    if (early) expect(server.asked).toEqual(['/version.json']);
    await attacked.expectUntouched();
  });
});

describe('After all that', () => {
  it('it asks by itself no more for a while, and blames no release', async () => {
    const { gates } = await attacked.box.status();
    const retries = gates.find(({ name }) => name === 'retries');
    expect(retries).toMatchObject({ open: false, soft: true });
    expect(Date.parse(retries?.until ?? '')).toBeLessThanOrEqual(Date.now() + 86_400_000);
    expect(attacked.box.has('var/lib/opq-updater/quarantine.json')).toBe(false);
  });

  it('it says nowhere what is wrong with a password in an address', async () => {
    const { daemon } = attacked.box;
    const bad = { key: 'proxy_url', value: `box:${password}@proxy:3128` };
    expect(await codeOf(daemon.ask('config_set', bad))).toBe('CONFIG_INVALID');
    await daemon.ask('config_set', { key: 'proxy_url', value: `http://canary-name:${password}@127.0.0.1:9/` });
    server.answers({ '/version.json': answer('404 Not Found', {}, '') });
    expect(await codeOf(daemon.ask('check', { install: false }))).toBe('SERVER_UNREACHABLE');
    await daemon.ask('config_set', { key: 'proxy_url', value: null });
    expect(await codeOf(daemon.ask('check', { install: false }))).toBe('NOT_OUR_SERVER');
    const key = { url: `http://canary-name:${password}@127.0.0.1:${server.port}/key?canary-token` };
    expect(await codeOf(daemon.ask('key_fetch', key))).toBe('NOT_FOUND');
  });

  it('the next good update gets in, over what somebody put into its place meanwhile', async () => {
    const { box } = attacked;
    server.answers(offering(goods.good));
    const name = `var/opq/updater${packagePath(goods.good)}.unverified`;
    await rm(box.at(name), { force: true });
    box.write(name, Buffer.alloc(goods.good.bytes.length, 'x'));
    const { outcome } = await box.ended((await install()).id);
    expect(outcome).toBe('confirmed');
    expect((await box.status()).installed).toBe(goods.good.version);
  });

  it('its passwords are nowhere but in its configuration', async () => {
    const { daemon } = attacked.box;
    const answers = await Promise.all([
      daemon.ask('status', {}),
      daemon.ask('config', {}),
      daemon.ask('doctor', {}),
      daemon.ask('gates', {}),
      daemon.ask('history', { limit: 200 }),
      daemon.ask('log', { lines: 2000 }),
    ]);
    const told = JSON.stringify(answers);
    expect(canaries.filter((canary) => told.includes(canary))).toEqual([]);
    expect(attacked.filesWith(canaries)).toEqual([]);
    expect(told).toContain('***@127.0.0.1');
  });

  it('it took no more memory than it may', () => attacked.expectBounded('server', 100));
});
