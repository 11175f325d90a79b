import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { base, error, hash, mustBe, type Row } from './contract.ts';
import { dialects, four, oldRelease, openShop, type Reply, type Shop, stuckWorker } from './shop.ts';

let shop: Shop;
let stuck: Shop;
let idle: Shop;
beforeAll(async () => {
  shop = await openShop({ defaults_keys: ['box_id', 'mqtt'] });
  stuck = await openShop({ hold_ms: 0, max_queue: 3 }, { program: stuckWorker });
  idle = await openShop({ workers: 0 });
});
afterAll(() => Promise.all([shop.close(), stuck.close(), idle.close()]));

describe.each(['A', 'B'] as const)('In dialect %s', (dialect) => {
  const where = dialects[dialect];
  const whole = { ...base, ...where };

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
        status: 503,
        headers: { 'retry-after': expect.stringMatching(/^\d+$/) },
        json: error,
      });
    });

    it('nothing installable, and that without a worker', async () => {
      const nothing = { ...base, ...four[dialect], packages: [] };
      const reply = await shop.post(path, nothing);
      if (kind === 'upgrade-request') mustBe(reply, { status: 501, json: error });
      else {
        const answer = { log: expect.any(String), files: expect.any(String), request_hash: hash, image_hash: hash };
        mustBe(reply, { status: 200, json: answer });
      }
      mustBe(await idle.post(path, nothing), { status: 502, json: error });
    });

    it.each(['0'.repeat(64), '0'.repeat(12), '../../etc', '%2e%2e'])(
      'GET of the unknown hash %s with 404 and {}',
      async (unknown) => {
        mustBe(await shop.get(`${path}/${unknown}`), { status: 404, json: {} });
      },
    );
  });
});
