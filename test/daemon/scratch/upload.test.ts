import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { basename } from 'node:path';
import { expect } from 'vitest';
import { saysToSocket } from '../../support/page-socket.ts';
import { it, oldRelease, type ScratchBox } from '../../support/scratch-box.ts';
import { expectUsable, expectWhole } from '../../support/scratch-expectations.ts';
import { release } from '../../support/scratch-release.ts';

const good = release(1_550_000_002);

/** The page of a box, with one package in the hand of a technician. */
function pageOf(box: ScratchBox, path: string) {
  const bytes = readFileSync(path);
  const announced = {
    name: basename(path),
    size_bytes: bytes.length,
    signature: readFileSync(`${path}.sig`, 'latin1'),
  };
  const says = (...args: [method: 'GET' | 'POST' | 'PUT', path: string, body?: object | Buffer]) =>
    saysToSocket(box.at('run/opq-updater/page.sock'), ...args);
  return {
    bytes,
    announced,
    says,
    begin: (changes: Partial<typeof announced> = {}) => says('POST', '/upload/begin', { ...announced, ...changes }),
    put: (offset: number, piece: Buffer) => says('PUT', `/upload?offset=${offset}`, piece),
    judged: () =>
      box.until('a verdict', async () => {
        const { upload } = await box.status();
        return upload && ['ready', 'refused'].includes(upload.state) && upload;
      }),
  };
}

it('takes a package in pieces, judges it, and installs it only when a person says so', async ({
  newBox,
  publisher,
}) => {
  const box = await newBox();
  const { bytes, announced, says, begin, put, judged } = pageOf(box, await publisher.stick(good));
  const half = bytes.length >> 1;
  expect(await says('GET', '/upload')).toEqual({ status: 200, body: null });
  expect((await begin()).body).toMatchObject({ state: 'receiving', received_bytes: 0, version: good.version });
  expect((await put(0, bytes.subarray(0, half))).body).toMatchObject({ state: 'receiving', received_bytes: half });

  // Whoever begins again with the same goes on, also when the daemon has ended meanwhile.
  box.killDaemon();
  await box.until('the daemon again', () => box.status());
  expect((await begin()).body).toMatchObject({ state: 'receiving', received_bytes: half });
  expect((await put(0, bytes)).body.code).toBe('SIZE_MISMATCH');
  expect((await put(half, bytes.subarray(half))).body).toMatchObject({ state: 'judging' });
  expect(await judged()).toMatchObject({ state: 'ready', fault: null, release: { signed_by: expect.any(String) } });
  expect(box.names('var/opq/updater/upload')).toEqual([announced.name, `${announced.name}.sig`]);

  // Nothing begins by itself.
  expect(await box.history()).toEqual([]);
  const wrong = await says('POST', '/upload/install', { version: good.version + 1 });
  expect(wrong.body.code).toBe('NOT_FOUND');
  const { id } = (await says('POST', '/upload/install', { version: good.version })).body;
  expect(await box.ended(id)).toMatchObject({ outcome: 'confirmed', by: 'file', to: good.version });
  await expectWhole(box, good);
  // The boot in which it was brought is over.
  expect((await box.status()).upload).toBeNull();
  expect(box.has('var/opq/updater/upload')).toBe(false);
});

it('keeps what arrived of an upload that was cut off', async ({ newBox, publisher }) => {
  const box = await newBox();
  const { bytes, begin, put, says, judged } = pageOf(box, await publisher.stick(good));
  await begin();
  const socketPath = box.at('run/opq-updater/page.sock');
  const cut = request({ socketPath, method: 'PUT', path: '/upload?offset=0', agent: false });
  cut.on('error', () => {});
  cut.write(bytes.subarray(0, 100));
  const received = async () => (await says('GET', '/upload')).body.received_bytes;
  await box.until(
    'the first bytes',
    async () => box.sizeOf(`var/opq/updater/upload/${(await says('GET', '/upload')).body.name}.unverified`) === 100,
  );
  cut.destroy();
  await box.until('the end of that request', async () => (await received()) === 100);
  await box.until('the rest', async () => (await put(100, bytes.subarray(100))).status === 200);
  expect(await judged()).toMatchObject({ state: 'ready' });
  expect((await says('POST', '/upload/discard')).body).toEqual({ discarded: true });
  expect(box.has('var/opq/updater/upload')).toBe(false);
});

it('goes on over a new line while an old one, lost without a word, seems to send still', async ({
  newBox,
  publisher,
}) => {
  const box = await newBox();
  const { bytes, announced, begin, put, says, judged } = pageOf(box, await publisher.stick(good));
  await begin();
  const socketPath = box.at('run/opq-updater/page.sock');
  const hang = async (from: number, to: number) => {
    const lost = request({ socketPath, method: 'PUT', path: `/upload?offset=${from}`, agent: false });
    lost.on('error', () => {});
    lost.write(bytes.subarray(from, to));
    const file = `var/opq/updater/upload/${announced.name}.unverified`;
    await box.until(`${to} bytes`, () => box.sizeOf(file) === to);
  };
  await hang(0, 100);
  expect((await says('POST', '/upload/discard')).body).toEqual({ discarded: true });
  expect(box.has('var/opq/updater/upload')).toBe(false);

  await begin();
  await hang(0, 100);
  expect((await begin({ size_bytes: 50 })).body.code).toBe('BUSY');
  expect((await begin()).body).toMatchObject({ state: 'receiving', received_bytes: 100 });
  await hang(100, 150);
  expect((await put(150, bytes.subarray(150))).body).toMatchObject({ state: 'judging', received_bytes: bytes.length });
  expect(await judged()).toMatchObject({ state: 'ready' });
});

it('refuses what is not signed for, and keeps nothing of it', async ({ newBox, publisher }) => {
  const box = await newBox();
  const { bytes, begin, put, judged, says } = pageOf(box, await publisher.stick(good));
  const flipped = Buffer.from(bytes);
  flipped[bytes.length >> 1]! ^= 1;
  await begin();
  await put(0, flipped);
  expect(await judged()).toMatchObject({ state: 'refused', release: null, fault: { code: 'SIGNATURE_INVALID' } });
  expect((await says('POST', '/upload/install', { version: good.version })).body.code).toBe('NOT_FOUND');
  expect(box.has('var/opq/updater/upload')).toBe(false);
  await expectWhole(box, oldRelease);
  await expectUsable(box, publisher);
});

const early: [string, string, object][] = [
  ['is larger than the box takes', 'SIZE_MISMATCH', { size_bytes: 2 ** 33 }],
  ['does not fit on the disk', 'DISK_FULL', { size_bytes: 2 ** 39 }],
  ['has no signature', 'SIGNATURE_INVALID', { signature: 'garbage, no base64' }],
  ['is older than what runs', 'DOWNGRADE_REFUSED', { name: 'opq-box-update-1500000000.tar.bz2' }],
  ['has a name of its own', 'USAGE', { name: '../../etc/passwd' }],
];
it.for(early)('says before a byte is sent that a package %s', async ([, code, changes], { newBox, publisher }) => {
  const box = await newBox({ config: code === 'DISK_FULL' ? { max_package_bytes: 2 ** 40 } : {} });
  const { begin, put } = pageOf(box, await publisher.stick(good));
  expect((await begin(changes)).body.code).toBe(code);
  expect((await put(0, Buffer.from('x'))).body.code).toBe('NOT_FOUND');
  expect((await box.status()).upload).toBeNull();
});

it('takes not a byte more than was announced', async ({ newBox, publisher }) => {
  const box = await newBox();
  const { bytes, begin, put } = pageOf(box, await publisher.stick(good));
  const { name } = (await begin({ size_bytes: 50 })).body;
  expect((await put(0, bytes)).body.code).toBe('SIZE_MISMATCH');
  expect(box.sizeOf(`var/opq/updater/upload/${name}.unverified`)).toBeLessThanOrEqual(50);
});
