import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exists } from '../../../daemon/files.ts';
import type { VerifyTask } from '../../../daemon/work/tasks.ts';
import { workerHere } from '../../../daemon/work/worker.ts';
import { parsePublicKey } from '../../../protocol/keys.ts';
import type { Progress } from '../../../protocol/views.ts';
import { aRelease, bzip2, decodersHere, packedWith } from '../../support/a-release.ts';
import { codeOf } from '../../support/error-of.ts';
import { flakyServer, pages, saying } from '../../support/flaky-server.ts';
import { type KeyFiles, makeKey, makePackage } from '../../support/packages.ts';
import { packageRows, tarBytes, testTop, testVersion } from '../../support/tar-bytes.ts';

const keysDir = mkdtempSync(join(tmpdir(), 'opq-keys-'));
afterAll(() => rmSync(keysDir, { recursive: true }));
let publisher: KeyFiles;
let stranger: KeyFiles;
let rsa: KeyFiles;
beforeAll(async () => {
  publisher = await makeKey(join(keysDir, 'publisher'));
  stranger = await makeKey(join(keysDir, 'stranger'));
  rsa = await makeKey(join(keysDir, 'rsa'), 'rsa');
});
const pemOf = (key: KeyFiles) => readFile(key.publicPath, 'utf8');

async function verify(job: VerifyTask, report = (_: Progress) => {}) {
  const worker = workerHere();
  try {
    return await worker.do('verify', job, { report });
  } finally {
    worker.close();
  }
}
/** The code, and that nothing was decoded or is left of it. */
async function refused(job: VerifyTask): Promise<string> {
  const code = await codeOf(verify(job));
  expect(await exists(job.stagingPath!)).toBe(false);
  return code;
}

const large = randomBytes(1_200_000).toString('base64');
const about = { hardware: ['rpi/3'], services: ['a.service'], writable_paths: ['/srv/a'], notes: 'Faster.' };

describe('a good package', () => {
  it.each(decodersHere)('is verified and decoded whole by %s', async (decoder) => {
    const { job } = await aRelease(publisher, { 'a/large': large, 'update.json': JSON.stringify(about) });
    const seen: number[] = [];
    const release = await verify({ ...job, decoder }, ({ done }) => seen.push(done));
    const packed = await readFile(job.path);
    const { kind, fingerprint } = parsePublicKey(await pemOf(publisher));
    expect(release).toEqual({
      sha256: createHash('sha256').update(packed).digest('hex'),
      signedBy: `${kind} ${fingerprint}`,
      decodedBytes: expect.any(Number),
      unpackedBytes: large.length + JSON.stringify(about).length + '1550190683\n#!/bin/sh\nexit 0\n'.length,
      entryCount: 5,
      hardware: ['rpi/3'],
      services: ['a.service'],
      writablePaths: ['/srv/a'],
      notes: 'Faster.',
      updater: null,
      components: null,
      keyLinks: [],
    });
    expect(release.decodedBytes).toBeGreaterThan(release.unpackedBytes);
    expect(await readFile(join(job.stagingPath!, 'a/large'), 'utf8')).toBe(large);
    expect(seen.at(-1)).toBe(packed.length);
  });

  it('is refused with what was announced where that, too, is something else', async () => {
    const { job } = await aRelease(stranger);
    const theirs = { ...job, keyPems: [await pemOf(publisher)] };
    const sha256 = createHash('sha256')
      .update(await readFile(job.path))
      .digest('hex');
    const messageOf = (announced: string | null) => verify({ ...theirs, announced }).catch(({ message }) => message);
    expect(await messageOf('ab'.repeat(32))).toContain(
      `Its SHA-256 is ${sha256}, the server announced ${'ab'.repeat(32)}`,
    );
    for (const announced of [sha256, null]) expect(await messageOf(announced)).not.toContain('announced');
  });

  it('may be signed by any of the pinned keys, RSA or ECDSA', async () => {
    const { job } = await aRelease(rsa);
    const keyPems = [await pemOf(publisher), await pemOf(rsa), await pemOf(stranger)];
    expect(await refused({ ...job, keyPems: [await pemOf(publisher), await pemOf(stranger)] })).toBe(
      'SIGNATURE_INVALID',
    );
    expect((await verify({ ...job, keyPems })).signedBy).toMatch(/^RSA 2048 /);
  });
});

describe('a package signed by a key that is not pinned', () => {
  it('is refused, and whose key it was is said when the server offers it', async () => {
    const { job } = await aRelease(stranger);
    const pem = await pemOf(stranger);
    const server = await flakyServer(pages({ '/public_key.pem': pem }));
    const offered = { ...job, keyPems: [await pemOf(publisher)], offeredKeyUrl: `${server.url}/public_key.pem` };
    expect(await refused(offered)).toBe('SIGNATURE_INVALID');
    await expect(verify(offered)).rejects.toThrow(parsePublicKey(pem).fingerprint);
  });

  it('is refused just the same when the server offers another key, none, or anything', async () => {
    const { job } = await aRelease(stranger);
    const offers = [
      await pemOf(rsa),
      '',
      'garbage',
      '<html>',
      'x'.repeat(100_000),
      await readFile(stranger.privatePath),
    ];
    for (const offer of offers) {
      const server = await flakyServer(pages({ '/public_key.pem': offer }));
      const keyPems = [await pemOf(publisher)];
      expect(await refused({ ...job, keyPems, offeredKeyUrl: `${server.url}/public_key.pem` })).toBe(
        'SIGNATURE_INVALID',
      );
      expect(await refused({ ...job, keyPems, offeredKeyUrl: `${server.url}/none` })).toBe('SIGNATURE_INVALID');
    }
    const gone = { ...job, keyPems: [await pemOf(publisher)], offeredKeyUrl: 'http://127.0.0.1:1/public_key.pem' };
    expect(await refused(gone)).toBe('SIGNATURE_INVALID');
  });

  it('is not trusted because of the key that the server offers', async () => {
    const { job } = await aRelease(publisher);
    const server = await flakyServer(saying(await pemOf(publisher)));
    const offeredKeyUrl = `${server.url}/public_key.pem`;
    expect(await refused({ ...job, keyPems: [], offeredKeyUrl })).toBe('SIGNATURE_INVALID');
    expect(await codeOf(verify({ ...job, offeredKeyUrl }))).toBe('no error');
    expect(server.asked).toHaveLength(1);
  });
});

describe('one bit', () => {
  it.each(['begin', 'middle', 'end'] as const)('flipped at the %s of a package has it refused', async (where) => {
    const { job } = await aRelease(publisher);
    const bytes = await readFile(job.path);
    const at = { begin: 0, middle: bytes.length >> 1, end: bytes.length - 1 }[where];
    bytes[at]! ^= 1;
    await writeFile(job.path, bytes);
    expect(await refused(job)).toBe('SIGNATURE_INVALID');
  });

  it('flipped anywhere has it refused', async () => {
    const { job } = await aRelease(publisher);
    const good = await readFile(job.path);
    const bit = fc.integer({ min: 0, max: good.length * 8 - 1 });
    await fc.assert(
      fc.asyncProperty(bit, async (n) => {
        const bytes = Buffer.from(good);
        bytes[n >> 3]! ^= 1 << (n & 7);
        await writeFile(job.path, bytes);
        expect(await refused(job)).toBe('SIGNATURE_INVALID');
      }),
      { numRuns: 25 },
    );
  });

  it('flipped in the signature has it refused', async () => {
    const { job } = await aRelease(publisher);
    const der = Buffer.from(await readFile(job.signaturePath, 'latin1'), 'base64');
    const bit = fc.integer({ min: 0, max: der.length * 8 - 1 });
    await fc.assert(
      fc.asyncProperty(bit, async (n) => {
        const bytes = Buffer.from(der);
        bytes[n >> 3]! ^= 1 << (n & 7);
        await writeFile(job.signaturePath, bytes.toString('base64'));
        expect(await refused(job)).toBe('SIGNATURE_INVALID');
      }),
      { numRuns: 50 },
    );
  });
});

describe('a signature', () => {
  it('of another package does not do', async () => {
    const { job } = await aRelease(publisher);
    const other = await aRelease(publisher, { more: 'x' });
    await copyFile(other.job.signaturePath, job.signaturePath);
    expect(await refused(job)).toBe('SIGNATURE_INVALID');
  });

  it('that is missing is told apart from one that is wrong', async () => {
    const { job } = await aRelease(publisher);
    await rm(job.signaturePath);
    expect(await refused(job)).toBe('SIGNATURE_MISSING');
  });

  const odd: [string, (good: string) => string][] = [
    ['is empty', () => ''],
    ['is a web page', () => '<html>'],
    ['has garbage between, which Node would skip', (good) => `${good.slice(0, 9)}*${good.slice(9)}`],
    ['has blanks between', (good) => good.replaceAll('', ' ')],
    ['has something after it', (good) => `${good}AAAA`],
    ['is cut off', (good) => good.slice(0, 40)],
    ['is very long', (good) => good.repeat(100)],
    ['is hex', (good) => Buffer.from(good, 'base64').toString('hex')],
    ['is not packed as text', (good) => Buffer.from(good, 'base64').toString('latin1')],
  ];
  it.each(odd)('that %s does not do', async (_, change) => {
    const { job } = await aRelease(publisher);
    await writeFile(job.signaturePath, change(await readFile(job.signaturePath, 'latin1')), 'latin1');
    expect(await refused(job)).toBe('SIGNATURE_INVALID');
  });
});

const good = packedWith({ name: `${testTop}/large`, content: large });
const rotten = Buffer.from(good);
rotten[good.length >> 1]! ^= 1;
const tar = tarBytes(packageRows());
const corrupt: [string, Buffer][] = [
  ['nothing', Buffer.alloc(0)],
  ['half of a package', good.subarray(0, good.length >> 1)],
  ['a package without its last byte', good.subarray(0, -1)],
  ['a package with one byte more', Buffer.concat([good, Buffer.from('x')])],
  ['two packages in one', Buffer.concat([good, good])],
  ['a package that rotted', rotten],
  ['a package packed with gzip', gzipSync(tar)],
  ['a package that is not packed', tar],
  ['a web page', Buffer.from('<html>'.repeat(100))],
  ['bzip2 of nothing', bzip2(Buffer.alloc(0))],
  ['bzip2 of half an archive', bzip2(tar.subarray(0, 1000))],
  ['bzip2 of an archive without its end', bzip2(tar.subarray(0, -1024))],
  ['bzip2 of garbage', bzip2(Buffer.from('x'.repeat(2000)))],
  ['bytes that begin and end like bzip2', Buffer.concat([good.subarray(0, 10), randomBytes(5000), good.subarray(-14)])],
];
const link = { name: `${testTop}/link`, type: '2', linkname: '/etc/passwd' };
const refusedRows: [string, Buffer][] = [
  ['a package with a link', packedWith(link)],
  ['a package with a link behind much else', packedWith({ name: `${testTop}/a`, content: large }, link)],
  [
    'a package that unpacks to more than it may',
    packedWith({ name: `${testTop}/a`, content: Buffer.alloc(4_000_000) }),
  ],
  ['a bomb, one block of which is 45 MB', bzip2(Buffer.alloc(100_000_000))],
];

describe.each(decodersHere)('what was signed by mistake, decoded by %s,', (decoder) => {
  it.each(corrupt)('is corrupt if it is %s', async (_, bytes) => {
    const { job, sign } = await aRelease(publisher);
    await sign(bytes);
    expect(await refused({ ...job, decoder })).toBe('ARCHIVE_CORRUPT');
  });

  it.each(refusedRows)('is refused if it is %s', async (_, bytes) => {
    const { job, sign } = await aRelease(publisher);
    await sign(bytes);
    expect(await refused({ ...job, decoder, maxUnpackedBytes: 3_000_000 })).toBe('ARCHIVE_REFUSED');
  });
});

it('refuses a package of another release', async () => {
  const { dir, job } = await aRelease(publisher);
  const other = await makePackage(dir, { version: testVersion + 1, key: publisher });
  const swapped = { ...job, path: other.path, signaturePath: other.signaturePath };
  expect(await refused(swapped)).toBe('VERSION_MISMATCH');
});

describe('a link planted in the folder', () => {
  it('in place of the package is not read through', async () => {
    const { dir, job } = await aRelease(publisher);
    await symlink(job.path, join(dir, 'link'));
    expect(await refused({ ...job, path: join(dir, 'link') })).toBe('UNSAFE_FOLDER');
  });

  it('in place of the folder that it is unpacked into is not written through', async () => {
    const { dir, job } = await aRelease(publisher);
    const victim = join(dir, 'victim');
    await mkdir(victim);
    await symlink(victim, job.stagingPath!);
    expect(await codeOf(verify(job))).toBe('no error');
    expect(await readdir(victim)).toEqual([]);
    expect(await readFile(join(job.stagingPath!, 'VERSION'), 'utf8')).toBe('1550190683\n');
  });
});
