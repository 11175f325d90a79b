import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { basename } from 'node:path';
import { expect } from 'vitest';
import { startPage } from '../../support/page-server.ts';
import { it } from '../../support/scratch-box.ts';
import { release } from '../../support/scratch-release.ts';

const good = release(1_550_000_002);

it('hands a package through to the daemon, also when the browser goes away in the middle', async ({
  newBox,
  publisher,
  onTestFinished,
}) => {
  const box = await newBox();
  const page = await startPage(box.root);
  onTestFinished(() => page.stop());
  const cookie = await page.signIn();
  const path = await publisher.stick(good);
  const bytes = readFileSync(path);
  const name = basename(path);
  const begun = { name, size_bytes: bytes.length, signature: readFileSync(`${path}.sig`, 'latin1') };
  expect((await page.post('/api/upload/begin', begun, cookie)).body).toMatchObject({ received_bytes: 0 });

  const raw = { 'content-type': 'application/octet-stream', origin: page.url.origin, cookie };
  const put = (offset: number, body: Buffer) =>
    page.says({ method: 'PUT', path: `/api/upload?offset=${offset}`, headers: raw, body });
  const cut = request(new URL('/api/upload?offset=0', page.url), {
    method: 'PUT',
    agent: false,
    headers: { ...raw, 'content-length': bytes.length },
  });
  cut.on('error', () => {});
  cut.write(bytes.subarray(0, 200));
  await box.until('the first bytes', () => box.sizeOf(`var/opq/updater/upload/${name}.unverified`) === 200);
  cut.destroy();
  await box.until('the end of that', async () => (await put(200, bytes.subarray(200))).status === 200);
  await box.until('the verdict', async () => (await page.says({ path: '/api/upload', cookie })).body.state === 'ready');

  // What was refused says so before all of it has come.
  const more = await put(0, Buffer.alloc(2 ** 20));
  expect([more.status, more.body.code]).toEqual([404, 'NOT_FOUND']);
  const { id } = (await page.post('/api/upload/install', { version: good.version }, cookie)).body;
  expect(await box.ended(id)).toMatchObject({ outcome: 'confirmed', by: 'file' });
});
