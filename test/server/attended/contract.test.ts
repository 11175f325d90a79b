import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parsePublicKey } from '../../../protocol/keys.ts';
import { decodeSignature, signatureCheck } from '../../../protocol/signature.ts';
import { dialects, four, newRelease, oldRelease, openShop, type Reply, type Shop, stuckWorker } from './shop.ts';

let shop: Shop;
let stuck: Shop;
let idle: Shop;
beforeAll(async () => {
  shop = await openShop({ defaults_keys: ['box_id', 'mqtt'] });
  stuck = await openShop({ hold_ms: 0, max_queue: 3 }, { program: stuckWorker });
  idle = await openShop({ workers: 0 });
});
afterAll(() => Promise.all([shop.close(), stuck.close(), idle.close()]));

const base = { distro: 'opq', version: String(oldRelease) };
const installed = { triggering: '1.9', updater: '1.0.0' };

interface Row {
  readonly when: string;
  readonly body: unknown;
  readonly status: number;
  readonly headers?: Record<string, unknown>;
  readonly json?: unknown;
}

const error = { error: expect.any(String) };
const hash = expect.stringMatching(/^[0-9a-f]{64}$/);

describe.each(['A', 'B'] as const)('In dialect %s', (dialect) => {
  const where = dialects[dialect];
  const whole = { ...base, ...where };

  const mustBe = (reply: Reply, { status, headers = {}, json }: Row) => {
    expect(reply.status).toBe(status);
    expect(reply.headers).toMatchObject(headers);
    if (json === undefined) expect(reply.bytes.length).toBe(0);
    else expect(reply.json).toEqual(json);
  };

  describe('POST /api/upgrade-check answers', () => {
    const rows: Row[] = [
      { when: 'what is not JSON', body: 'distro=opq', status: 400, json: error },
      { when: 'what is no object', body: [whole], status: 400, json: error },
      { when: 'an empty body', body: '', status: 400, json: error },
      { when: 'bytes that are not UTF-8', body: '{"distro":"\xff', status: 400, json: error },
      { when: 'a version that is a number', body: { ...whole, version: oldRelease }, status: 400, json: error },
      { when: 'a distro that is a list', body: { ...whole, distro: ['opq'] }, status: 400, json: error },
      { when: 'a list of what is installed', body: { ...whole, installed: ['triggering'] }, status: 400, json: error },
      {
        when: 'a version of a component that is a number',
        body: { ...whole, installed: { triggering: 1 } },
        status: 400,
        json: error,
      },
      {
        when: 'no distro',
        body: { ...whole, distro: undefined },
        status: 400,
        headers: { 'x-missing-param': 'distro' },
        json: error,
      },
      {
        when: 'no target',
        body: { ...whole, target: undefined },
        status: 400,
        headers: { 'x-missing-param': 'target' },
        json: error,
      },
      { when: 'an unknown distro', body: { ...whole, distro: 'openwrt' }, status: 412, json: error },
      { when: 'an unknown version', body: { ...whole, version: 'snapshot' }, status: 412, json: error },
      {
        when: 'an unknown target',
        body: { ...whole, ...(dialect === 'A' ? { subtarget: '9' } : { target: 'rpi/9' }) },
        status: 412,
        json: error,
      },
      {
        when: 'a target named like a property of objects',
        body: { ...whole, ...(dialect === 'A' ? { target: '__proto__' } : { target: 'constructor' }) },
        status: 412,
        json: error,
      },
      {
        when: 'unknown components',
        body: { ...whole, installed: { ...installed, luci: '1', dnsmasq: '2' } },
        status: 422,
        headers: { 'x-unknown-package': 'luci, dnsmasq' },
        json: error,
      },
      {
        when: 'a component whose name is none',
        body: { ...whole, installed: { '\r\nSet-Cookie: a': '1', '': '2' } },
        status: 422,
        headers: { 'x-unknown-package': '??Set-Cookie??a, ?' },
        json: error,
      },
      {
        when: 'a newer version',
        body: { ...whole, installed },
        status: 200,
        json: {
          version: String(newRelease),
          upgrades: { triggering: ['1.10', '1.9'] },
          packages: ['triggering', 'updater'],
        },
      },
      {
        when: 'a newer version with the names under the older key',
        body: { ...whole, packages: installed },
        status: 200,
        json: {
          version: String(newRelease),
          upgrades: { triggering: ['1.10', '1.9'] },
          packages: ['triggering', 'updater'],
        },
      },
      {
        when: 'a newer version to who does not say what is installed',
        body: whole,
        status: 200,
        json: { version: String(newRelease) },
      },
      {
        when: 'a box as it was shipped',
        body: { ...whole, version: '1' },
        status: 200,
        json: { version: String(newRelease) },
      },
      {
        when: 'a distro in capitals',
        body: { ...whole, distro: 'OPQ' },
        status: 200,
        json: { version: String(newRelease) },
      },
      {
        when: 'keys that nobody knows',
        body: { ...whole, revision: 'r1', a: {} },
        status: 200,
        json: { version: String(newRelease) },
      },
      ...[undefined, 0, '0', false].map((off) => ({
        when: `nothing newer, with upgrade_packages ${JSON.stringify(off)}`,
        body: { ...whole, version: String(newRelease), installed, upgrade_packages: off },
        status: 204,
        headers: { 'x-request-hash': hash },
      })),
      ...[1, '1', true].map((on) => ({
        when: `newer components of the same version, with upgrade_packages ${JSON.stringify(on)}`,
        body: { ...whole, version: String(newRelease), installed, upgrade_packages: on },
        status: 200,
        json: { upgrades: { triggering: ['1.10', '1.9'] }, packages: ['triggering', 'updater'] },
      })),
      {
        when: 'no newer components, with upgrade_packages on',
        body: { ...whole, version: String(newRelease), installed: { triggering: '1.10' }, upgrade_packages: 1 },
        status: 204,
        headers: { 'x-request-hash': hash },
      },
      { when: 'a box that is ahead', body: { ...whole, version: '1999999999', installed }, status: 204 },
      { when: 'no version, which is the newest', body: { ...whole, version: undefined, installed }, status: 204 },
    ];
    it.each(rows)('$when', async (row) => mustBe(await shop.post('/api/upgrade-check', row.body), row));
  });

  const done = (reply: Reply, request_hash: unknown = hash) => {
    expect(reply.status, reply.bytes.toString()).toBe(200);
    const { json } = reply;
    const name = `opq-box-update-${oldRelease}.tar.bz2`;
    expect(json).toEqual({
      sysupgrade: dialect === 'A' ? `${shop.url}${json.files}${name}` : name,
      log: expect.stringMatching(/^\/download\/[0-9a-f]{64}\/buildlog-[0-9a-f]{64}\.txt$/),
      files: expect.stringMatching(/^\/json\/[0-9a-f]{64}\/$/),
      request_hash,
      image_hash: hash,
      sha256: hash,
    });
    return json;
  };

  describe.each(['upgrade-request', 'build-request'])('POST /api/%s answers', (kind) => {
    const path = `/api/${kind}`;
    const names = (key: string) => ({ ...whole, packages: ['triggering'], defaults: key });
    const rows: Row[] = [
      { when: 'what is not JSON', body: '{', status: 400, json: error },
      { when: 'packages that are text', body: { ...whole, packages: 'triggering' }, status: 400, json: error },
      { when: 'packages that are numbers', body: { ...whole, packages: [1] }, status: 400, json: error },
      { when: 'a board that is a number', body: { ...whole, board: 3 }, status: 400, json: error },
      {
        when: 'no distro',
        body: { ...whole, distro: undefined },
        status: 400,
        headers: { 'x-missing-param': 'distro' },
        json: error,
      },
      {
        when: 'no target',
        body: { ...whole, target: undefined },
        status: 400,
        headers: { 'x-missing-param': 'target' },
        json: error,
      },
      { when: 'an unknown distro', body: { ...whole, distro: 'lede' }, status: 412, json: error },
      { when: 'an unknown version', body: { ...whole, version: '1234567890' }, status: 412, json: error },
      { when: 'an unknown target', body: { ...whole, target: 'x86' }, status: 412, json: error },
      {
        when: 'names for a shell',
        body: { ...whole, packages: ['triggering', '$(reboot)', 'a;b', '../display'] },
        status: 422,
        headers: { 'x-unknown-package': '??reboot?, a?b, ..?display' },
        json: error,
      },
      {
        when: 'an unknown component to leave out',
        body: { ...whole, packages: ['-luci'] },
        status: 422,
        headers: { 'x-unknown-package': 'luci' },
        json: error,
      },
      {
        when: 'a component of other hardware',
        body: { ...whole, packages: ['kernel-module'] },
        status: 422,
        headers: { 'x-unknown-package': 'kernel-module' },
        json: error,
      },
      {
        when: 'components that do not go together',
        body: { ...whole, packages: ['plugin-thd', 'plugin-vrms'] },
        status: 409,
        json: { ...error, log: expect.stringMatching(/^\/download\/.+\/faillog-.+\.txt$/), request_hash: hash },
      },
      {
        when: 'a component without one that it needs',
        body: { ...whole, packages: ['display'] },
        status: 409,
        json: { ...error, log: expect.any(String), request_hash: hash },
      },
      {
        when: 'an archive that is too large',
        body: { ...base, ...four[dialect] },
        status: 413,
        json: { ...error, log: expect.any(String), request_hash: hash },
      },
      {
        when: 'defaults that are too large',
        body: names(`{"box_id":"${'ä'.repeat(5_200)}"}`),
        status: 420,
        json: error,
      },
      { when: 'defaults that are a script', body: names('#!/bin/sh\nreboot'), status: 400, json: error },
      { when: 'defaults that nobody may set', body: names('{"server_url":"http://evil"}'), status: 400, json: error },
    ];
    it.each(rows)('$when', async (row) => mustBe(await shop.post(path, row.body), row));

    it('defaults where there are none, with 400', async () => {
      expect((await idle.post(path, { ...names('{"box_id":1}') })).status).toBe(400);
    });

    it('a build that ended, at once and again by its hash', async () => {
      const reply = await shop.post(path, { ...whole, packages: ['triggering'], board: 'opqbox-2', defaults: '' });
      const { request_hash } = done(reply);
      done(await shop.get(`${path}/${request_hash}`), request_hash);
      done(
        await shop.get(`/api/${kind === 'build-request' ? 'upgrade' : 'build'}-request/${request_hash}`),
        request_hash,
      );
    });

    it('the place in the queue from the first answer on, and how far a build is', async () => {
      const first = await stuck.post(path, { ...whole, board: 'opqbox-2' });
      expect(first.status).toBe(202);
      expect(first.json).toEqual({ request_hash: hash });
      const far = async (board: string) => {
        const { json } = await stuck.post(path, { ...whole, board });
        return (await stuck.get(`${path}/${json.request_hash}`)).headers;
      };
      await expect.poll(() => far('opqbox-2').then((headers) => headers['x-imagebuilder-status'])).toBe('initialize');
      expect(await far('opqbox-3')).toMatchObject({ 'x-imagebuilder-status': 'queue', 'x-build-queue-position': '0' });
      expect(await far('generic')).toMatchObject({ 'x-imagebuilder-status': 'queue', 'x-build-queue-position': '1' });
    });

    it('a full queue with 503 and when to come back', async () => {
      for (const board of ['opqbox-2', 'opqbox-3', 'generic']) await stuck.post(path, { ...whole, board });
      const reply = await stuck.post(path, { ...whole, packages: ['triggering'] });
      mustBe(reply, {
        when: '',
        body: 0,
        status: 503,
        headers: { 'retry-after': expect.stringMatching(/^\d+$/) },
        json: error,
      });
    });

    it('nothing installable, and that without a worker', async () => {
      const nothing = { ...base, ...four[dialect], packages: [] };
      const reply = await shop.post(path, nothing);
      if (kind === 'upgrade-request') mustBe(reply, { when: '', body: 0, status: 501, json: error });
      else {
        const answer = { log: expect.any(String), files: expect.any(String), request_hash: hash, image_hash: hash };
        mustBe(reply, { when: '', body: 0, status: 200, json: answer });
      }
      mustBe(await idle.post(path, nothing), { when: '', body: 0, status: 502, json: error });
    });

    it.each(['0'.repeat(64), '0'.repeat(12), '../../etc', '%2e%2e'])(
      'GET of the unknown hash %s with 404 and {}',
      async (unknown) => {
        mustBe(await shop.get(`${path}/${unknown}`), { when: '', body: 0, status: 404, json: {} });
      },
    );
  });
});

describe('An image', () => {
  const whole = { ...base, ...dialects.B };
  const ask = async (more: object) => (await shop.post('/api/build-request', { ...whole, ...more })).json;

  it('is one for both dialects, under two request hashes', async () => {
    const a = (await shop.post('/api/build-request', { ...base, ...dialects.A })).json;
    const b = await ask({});
    expect(a.image_hash).toBe(b.image_hash);
    expect(a.request_hash).not.toBe(b.request_hash);
  });

  it.each([
    [
      'the order and number of the names',
      { packages: ['triggering', 'display', 'triggering'] },
      { packages: ['display', 'triggering'] },
    ],
    ['names as keys', { packages: { triggering: '1.9' } }, { packages: ['triggering'] }],
    ['empty lines of an editor', { packages: ['triggering', '', ' '] }, { packages: ['triggering'] }],
    ['the protected one left out', { packages: ['triggering', '-updater'] }, { packages: ['triggering'] }],
    ['the defaults named', {}, { packages: ['box-config-daemon', 'triggering', 'updater'] }],
    ['a default less', { packages: ['-triggering'] }, { packages: ['box-config-daemon'] }],
    ['a former name of the board', { board: 'opqbox2' }, { board: 'opqbox-2' }],
    ['the model in place of the board', { board: 'nobody', model: 'opq BOX 2' }, { board: 'opqbox-2' }],
    ['a board that nobody knows', { board: 'nobody', model: 'nothing' }, { board: 'generic' }],
    ['no version', { version: undefined }, { version: String(newRelease) }],
    ['defaults with other spaces', { defaults: '{"box_id": 1,"mqtt":{}}' }, { defaults: '{"mqtt":{},"box_id":1}' }],
  ])('is the same with %s', async (_, one, other) => {
    expect((await ask(one)).image_hash).toBe((await ask(other)).image_hash);
  });

  it('is another for another version, board, component or default', async () => {
    const all = [
      {},
      { version: String(newRelease) },
      { board: 'opqbox-3' },
      { packages: ['triggering'] },
      { defaults: '{"box_id":7}' },
    ];
    const hashes = await Promise.all(all.map(async (more) => (await ask(more)).image_hash));
    expect(new Set(hashes).size).toBe(all.length);
  });

  it('comes with its checksums and signatures by the key of the builder, under doubled slashes, too', async () => {
    const { files, sysupgrade, sha256, log } = await ask({});
    const list = (await shop.get(files)).json;
    expect((await shop.get(files.replace(/\/$/, ''))).json).toEqual(list);
    expect(list.map((row: { name: string }) => row.name)).toEqual(
      expect.arrayContaining([sysupgrade, `${sysupgrade}.sig`, 'sha256sums', 'sha256sums.sig']),
    );
    expect(list[0]).toEqual({ name: sysupgrade, type: 'file', mtime: expect.any(String), size: expect.any(Number) });
    const image = await shop.get(`//${files}/${sysupgrade}`);
    expect(Number(image.headers['content-length'])).toBe(image.bytes.length);
    expect(list[0].size).toBe(image.bytes.length);
    expect(createHash('sha256').update(image.bytes).digest('hex')).toBe(sha256);
    const download = await shop.get(`${files.replace('/json/', '/download/')}${sysupgrade}`);
    expect(download.bytes.equals(image.bytes)).toBe(true);

    const sums = await shop.get(`${files}sha256sums`);
    expect(sums.bytes.toString()).toBe(`${sha256}  ${sysupgrade}\n`);
    const key = parsePublicKey(await readFile(join(shop.root, 'builder/public_key.pem'), 'utf8'));
    for (const [bytes, name] of [
      [image.bytes, sysupgrade],
      [sums.bytes, 'sha256sums'],
    ] as const) {
      const check = signatureCheck([key]);
      check.push(bytes);
      const signature = (await shop.get(`${files}${name}.sig`)).bytes.toString();
      expect(check.signer(decodeSignature(signature))?.fingerprint).toBe(key.fingerprint);
    }
    expect((await shop.get(log)).bytes.toString()).toContain('triggering 1.9');
    expect(`${shop.url}${files}${sysupgrade}`.length).toBeLessThan(255);
  });

  it('is told by its hash, as the pages of that time look for it', async () => {
    const { image_hash, sha256 } = await ask({});
    const image = (await shop.get(`/api/image/${image_hash}`)).json;
    expect(image).toMatchObject({
      image_hash,
      sha256,
      target: 'rpi/3',
      files: image_hash,
      version: String(oldRelease),
    });
    expect((await shop.get(`/json/${image.files}`)).status).toBe(200);
    expect((await shop.get(`/download/${image.files}/${image.sysupgrade}`)).status).toBe(200);
    expect((await shop.get(`/download/${image.files}/buildlog-${image_hash}.txt`)).status).toBe(200);
    expect((await shop.get(`/api/manifest/${image.manifest_hash}`)).json).toEqual({
      'box-config-daemon': '1.0',
      triggering: '1.9',
      updater: '1.0.0',
    });
  });

  it('is in none of the lists of releases', async () => {
    await ask({});
    expect((await shop.get('/ls')).bytes.toString()).toBe('');
    expect((await shop.get('/version')).status).toBe(404);
    expect((await shop.get('/latest')).status).toBe(404);
  });
});

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
    await shop.post('/api/build-request', { ...base, ...dialects.B });
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
