import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parsePublicKey } from '../../../protocol/keys.ts';
import { decodeSignature, signatureCheck } from '../../../protocol/signature.ts';
import { base } from './contract.ts';
import { dialects, newRelease, oldRelease, openShop, type Shop } from './shop.ts';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop({ defaults_keys: ['box_id', 'mqtt'] });
});
afterAll(() => shop.close());

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
