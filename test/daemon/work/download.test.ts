import { mkdtempSync, rmSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { exists } from '../../../daemon/files.ts';
import type { DownloadTask } from '../../../daemon/work/tasks.ts';
import { workerHere } from '../../../daemon/work/worker.ts';
import { codeOf } from '../../support/error-of.ts';
import { type Act, fileWith, flakyServer, pages, saying } from '../../support/flaky-server.ts';
import { makeKey, makePackage, type PackageFiles } from '../../support/packages.ts';
import { testVersion } from '../../support/tar-bytes.ts';

const publisherDir = mkdtempSync(join(tmpdir(), 'opq-publisher-'));
afterAll(() => rmSync(publisherDir, { recursive: true }));
let pack: PackageFiles;
let signature = '';
let keyPem = '';
beforeAll(async () => {
  const key = await makeKey(publisherDir);
  pack = await makePackage(publisherDir, { version: testVersion, key, files: { a: 'a'.repeat(1000) } });
  signature = await readFile(pack.signaturePath, 'utf8');
  keyPem = await readFile(key.publicPath, 'utf8');
});

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'opq-download-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
});

const job = (url: string): DownloadTask => ({
  url: `${url}/package`,
  path: join(dir, 'package.unverified'),
  sha256: null,
  signatureUrl: `${url}/package.sig`,
  signaturePath: join(dir, 'package.sig'),
  keyPems: [keyPem],
  sizeBytes: pack.bytes.length,
  maxBytes: 1_000_000,
  minBytesPerS: 0,
  longestMs: 3_600_000,
  network: { caPath: null, proxyUrl: null, userAgent: 'opq-updater/test' },
  patience: { tries: 3, firstWaitMs: 1 },
});
const download = (task: DownloadTask) => workerHere().do('download', task);
const site = (rows: { package?: Act; signature?: string | Act }) =>
  flakyServer(pages({ '/package': rows.package ?? fileWith(pack.bytes), '/package.sig': rows.signature ?? signature }));
const packageIsHere = async () => (await readFile(join(dir, 'package.unverified'))).equals(pack.bytes);

it('brings the signature first, then the package', async () => {
  const server = await site({});
  expect(await download(job(server.url))).toMatchObject({ sizeBytes: pack.bytes.length });
  expect(server.asked).toEqual(['GET /package.sig', 'GET /package']);
  expect(await packageIsHere()).toBe(true);
  expect(await readFile(join(dir, 'package.sig'), 'utf8')).toBe(signature);
});

const signatures: [string, Act, string][] = [
  ['is missing', saying('', 404), 'SIGNATURE_MISSING'],
  ['is too long', saying('A'.repeat(5000)), 'SIZE_MISMATCH'],
  ['is the log-in page of a Wi-Fi', saying('\n<html>'), 'NOT_OUR_SERVER'],
  ['cannot be had', saying('', 503), 'SERVER_ERROR'],
];
it.each(signatures)('does not fetch a package whose signature %s', async (_, act, code) => {
  const server = await site({ signature: act });
  expect(await codeOf(download(job(server.url)))).toBe(code);
  expect(server.asked).not.toContain('GET /package');
});

it('does not give up because a flaky network swallowed the signature once or twice', async () => {
  const flaky: Act = (request, response, n) => (n < 2 ? response.destroy() : saying(signature)(request, response, n));
  const server = await site({ signature: flaky });
  expect(await download(job(server.url))).toMatchObject({ sizeBytes: pack.bytes.length });
});

describe('a package that came in pieces and whose signature does not hold', () => {
  const poisoned = () => writeFile(join(dir, 'package.unverified'), Buffer.alloc(100, 'x'));

  it('is fetched once more from its beginning before anyone is blamed', async () => {
    await poisoned();
    const server = await site({});
    expect(await download(job(server.url))).toMatchObject({ sizeBytes: pack.bytes.length });
    expect(server.asked).toEqual(['GET /package.sig', 'GET /package', 'GET /package']);
    expect(server.headers.map(({ range }) => range)).toEqual([undefined, 'bytes=100-', undefined]);
    expect(await packageIsHere()).toBe(true);
  });

  it('is fetched once more also when all of it was here already', async () => {
    await writeFile(join(dir, 'package.unverified'), Buffer.alloc(pack.bytes.length, 'x'));
    const server = await site({});
    await download(job(server.url));
    expect(server.asked).toEqual(['GET /package.sig', 'GET /package']);
    expect(await packageIsHere()).toBe(true);
  });

  it('is fetched once more and not again: then it is for the verification to refuse it', async () => {
    await poisoned();
    const server = await site({ package: fileWith(Buffer.alloc(pack.bytes.length, 'y')) });
    expect(await download(job(server.url))).toMatchObject({ sizeBytes: pack.bytes.length });
    expect(server.asked).toEqual(['GET /package.sig', 'GET /package', 'GET /package']);
  });

  it('stays as it is when the signature does hold', async () => {
    await writeFile(join(dir, 'package.unverified'), pack.bytes.subarray(0, 100));
    const server = await site({});
    await download(job(server.url));
    expect(server.asked).toEqual(['GET /package.sig', 'GET /package']);
    expect(await packageIsHere()).toBe(true);
  });
});

it('is not fetched twice when it came whole and its signature does not hold', async () => {
  const server = await site({ package: fileWith(Buffer.alloc(pack.bytes.length, 'y')) });
  await download(job(server.url));
  expect(server.asked).toEqual(['GET /package.sig', 'GET /package']);
});

it('tells how far it is, with a speed that is never negative', async () => {
  await writeFile(join(dir, 'package.unverified'), Buffer.alloc(pack.bytes.length - 1, 'x'));
  const server = await site({ package: fileWith(pack.bytes) });
  const seen: (number | null)[] = [];
  await workerHere().do('download', job(server.url), { report: ({ bytes_per_s }) => seen.push(bytes_per_s) });
  expect(seen.length).toBeGreaterThan(0);
  expect(seen.filter((speed) => speed !== null && speed < 0)).toEqual([]);
  expect(await exists(join(dir, 'package.unverified.etag'))).toBe(true);
});
