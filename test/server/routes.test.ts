import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packageName, signatureName } from '../../protocol/version.ts';
import { openSite } from './site.ts';

let site: Awaited<ReturnType<typeof openSite>>;
beforeEach(async () => {
  site = await openSite();
});
afterEach(() => site.close());

const old = 1_550_190_683;
const fresh = 1_550_190_999;
const immutable = 'public, max-age=31536000, immutable';

describe('what the server tells of its packages', () => {
  it('names the packages oldest first, by number and not by text', async () => {
    for (const version of [10_000_000_000, 999_999_999, old]) await site.publish(version);
    const { status, headers, body } = await site.ask('/ls');
    expect(status).toBe(200);
    expect(headers['content-type']).toMatch(/^text\/plain/);
    expect(body.toString().split('\n')).toEqual([999_999_999, old, 10_000_000_000].map(packageName));
    expect((await site.ask('/version')).body.toString()).toBe('10000000000');
  });

  it('tells the newest number as text and redirects to the newest package', async () => {
    await site.publish(old);
    await site.publish(fresh);
    const version = await site.ask('/version');
    expect(version.body.toString()).toBe(String(fresh));
    expect(version.headers['content-type']).toMatch(/^text\/plain/);
    const latest = await site.ask('/latest');
    expect(latest).toMatchObject({ status: 303, headers: { location: `/update/${packageName(fresh)}` } });
  });

  it('answers 404 for the newest when the folder holds no package, and names nothing', async () => {
    await writeFile(join(site.dir, 'README'), 'not a package');
    expect((await site.ask('/version')).status).toBe(404);
    expect((await site.ask('/latest')).status).toBe(404);
    expect(await site.ask('/ls')).toMatchObject({ status: 200, body: Buffer.alloc(0) });
  });

  it('no longer tells of a withdrawn package, nor hands it out', async () => {
    await site.publish(old);
    await site.publish(fresh);
    expect((await site.ask('/version')).body.toString()).toBe(String(fresh));
    await rm(join(site.dir, packageName(fresh)));
    await rm(join(site.dir, signatureName(fresh)));
    expect((await site.ask('/version')).body.toString()).toBe(String(old));
    expect((await site.ask(`/update/${packageName(fresh)}`)).status).toBe(404);
    expect((await site.ask(`/update/${packageName(fresh)}.sig`)).status).toBe(404);
  });
});

describe('the files', () => {
  it.each([`/update/${packageName(old)}`, `/update/${old}`, `/${packageName(old)}`])(
    'hands out the package at %s to be kept for ever under its own name',
    async (path) => {
      await site.publish(old, 'the bytes');
      const { status, headers, body } = await site.ask(path);
      expect([status, body.toString()]).toEqual([200, 'the bytes']);
      expect(headers).toMatchObject({
        'content-length': '9',
        'content-type': 'application/octet-stream',
        'content-disposition': `attachment; filename="${packageName(old)}"`,
        'cache-control': immutable,
        'accept-ranges': 'bytes',
        'x-content-type-options': 'nosniff',
        etag: expect.stringMatching(/^"[\w-]+"$/),
        'last-modified': expect.stringMatching(/ GMT$/),
      });
      expect(headers['content-encoding']).toBeUndefined();
    },
  );

  it.each([`/update/${signatureName(old)}`, `/update/${old}.sig`, `/${signatureName(old)}`])(
    'hands out the signature at %s',
    async (path) => {
      await site.publish(old);
      const { status, headers, body } = await site.ask(path);
      expect([status, body.toString()]).toEqual([200, `signature ${old}`]);
      expect(headers['cache-control']).toBe(immutable);
      expect(headers['content-disposition']).toBe(`attachment; filename="${signatureName(old)}"`);
    },
  );

  it('hands out release file and key as published, and lets nobody keep them', async () => {
    const text = '{ "version": 1550190683, "of": "another time" }';
    await writeFile(join(site.dir, 'version.json'), text);
    await writeFile(join(site.dir, 'public_key.pem'), 'PEM');
    const releaseFile = await site.ask('/version.json');
    expect(releaseFile.body.toString()).toBe(text);
    expect(releaseFile.headers['content-type']).toMatch(/^application\/json/);
    const key = await site.ask('/public_key.pem');
    expect(key.body.toString()).toBe('PEM');
    for (const { headers } of [releaseFile, key]) expect(headers['cache-control']).toBe('no-store');
  });

  it('answers 404 for a release file, key or signature that is not there', async () => {
    await site.copyIn(old);
    for (const path of ['/version.json', '/public_key.pem', `/update/${signatureName(old)}`]) {
      expect((await site.ask(path)).status, path).toBe(404);
    }
  });

  it('hands out a file without a byte', async () => {
    await site.publish(old, '');
    expect(await site.ask(`/update/${old}`)).toMatchObject({ status: 200, headers: { 'content-length': '0' } });
    expect(await site.ask(`/update/${old}`, { headers: { range: 'bytes=0-' } })).toMatchObject({
      status: 416,
      headers: { 'content-range': 'bytes */0' },
    });
  });

  it('gives a replaced file another tag, even of the same size within the same second', async () => {
    await site.publish(old, 'one');
    const before = await site.ask(`/update/${old}`);
    await writeFile(join(site.dir, 'next.tmp'), 'two');
    await rename(join(site.dir, 'next.tmp'), join(site.dir, packageName(old)));
    const after = await site.ask(`/update/${old}`, { headers: { 'if-none-match': before.headers.etag! } });
    expect([after.status, after.body.toString()]).toEqual([200, 'two']);
    expect(after.headers.etag).not.toBe(before.headers.etag);
  });
});

describe('every path', () => {
  const paths = {
    '/': 'no-store',
    '/ls': 'no-store',
    '/version': 'no-store',
    '/latest': 'no-store',
    '/version.json': 'no-store',
    '/public_key.pem': 'no-store',
    [`/update/${packageName(old)}`]: immutable,
    [`/update/${signatureName(old)}`]: immutable,
    [`/${packageName(old)}`]: immutable,
    [`/${signatureName(old)}`]: immutable,
  };
  beforeEach(async () => {
    await site.publish(old);
    await writeFile(join(site.dir, 'version.json'), '{}');
    await writeFile(join(site.dir, 'public_key.pem'), 'PEM');
  });

  it.each(Object.entries(paths))(
    '%s says who may keep the answer, and HEAD says the same as GET',
    async (path, cache) => {
      const get = await site.ask(path);
      const head = await site.ask(path, { method: 'HEAD' });
      const headers = ({ date: _, ...rest }: typeof get.headers) => rest;
      expect(get.headers['cache-control']).toBe(cache);
      expect([head.status, headers(head.headers)]).toEqual([get.status, headers(get.headers)]);
      expect(head.body.length).toBe(0);
    },
  );

  it.each(Object.keys(paths))('%s refuses other methods', async (path) => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND']) {
      const { status, headers, body } = await site.ask(path, { method });
      expect([status, headers.allow, body.toString()]).toEqual([405, 'GET, HEAD', 'Method not allowed.\n']);
    }
  });

  it.each(Object.keys(paths).filter((path) => !['/', '/latest'].includes(path)))(
    '%s answers 304 to who has it already, and 412 to who wanted another state',
    async (path) => {
      const etag = (await site.ask(path)).headers.etag!;
      const had = await site.ask(path, { headers: { 'if-none-match': `"other", ${etag}` } });
      expect([had.status, had.body.length, had.headers.etag]).toEqual([304, 0, etag]);
      expect((await site.ask(path, { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
      expect((await site.ask(path, { headers: { 'if-match': '"other"' } })).status).toBe(412);
    },
  );

  it('is exact: another case, a slash more or an unknown path is 404 that nobody may keep', async () => {
    for (const path of ['/LS', '/ls/', '//ls', '/version/', '/update', '/update/', '/index.html', '/a/b/c']) {
      const { status, headers, body } = await site.ask(path);
      expect([status, body.toString(), headers['cache-control']], path).toEqual([
        404,
        'Resource not found.\n',
        'no-store',
      ]);
    }
  });

  it('ignores a query, as the old server had none', async () => {
    expect((await site.ask('/version?box=1001')).status).toBe(200);
  });
});

it('writes a line for every download, in which a client cannot forge another', async () => {
  await site.publish(old);
  await site.ask(`/update/${old}`, { headers: { 'user-agent': 'Wget\u0009\u0085x' } });
  await site.ask('/');
  expect(site.lines).toHaveLength(1);
  expect(site.lines[0]).toContain(`GET "/update/${old}" 200 done`);
  expect(site.lines[0]).toContain('"Wget\\t\\u0085x"');
});
