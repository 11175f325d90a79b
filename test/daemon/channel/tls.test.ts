import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { getSmall } from '../../../daemon/channel/http.ts';
import { makeAuthority, makeCertificate } from '../../support/certificates.ts';
import { codeOf } from '../../support/error-of.ts';
import { flakyServer, saying } from '../../support/flaky-server.ts';

const dir = mkdtempSync(join(tmpdir(), 'opq-tls-'));
afterAll(() => rmSync(dir, { recursive: true }));
const authority = makeAuthority(dir);
const stranger = makeAuthority(dir, 'stranger');
const good = makeCertificate(dir, 'good');

const small = (url: string, caPath: string | null) =>
  getSmall(url, { caPath, proxyUrl: null, userAgent: 'opq-updater/test' }, 100);

it('takes a server whose certificate an authority of server_ca_path made', async () => {
  const server = await flakyServer(saying('hello'), good);
  expect((await small(server.url, authority.certPath))?.toString()).toBe('hello');
});

it('takes a certificate that signs itself when it is pinned as the authority', async () => {
  const server = await flakyServer(saying('hello'), stranger);
  expect((await small(server.url, stranger.certPath))?.toString()).toBe('hello');
});

const bad = {
  'signs itself': [stranger, null],
  'signs itself, while another authority is pinned': [stranger, authority.certPath],
  'is of an authority that nobody knows': [good, null],
  'is of another authority than the pinned one': [good, stranger.certPath],
  'is over': [makeCertificate(dir, 'over', { to: '20200102000000Z' }), authority.certPath],
  'has not begun': [makeCertificate(dir, 'not-yet', { from: '20390101000000Z' }), authority.certPath],
  'is for another host': [makeCertificate(dir, 'other', { host: 'DNS:updates.example' }), authority.certPath],
} as const;
it.each(Object.entries(bad))('refuses a certificate that %s', async (_, [certificate, caPath]) => {
  const server = await flakyServer(saying('evil'), certificate);
  expect(await codeOf(small(server.url, caPath))).toBe('TLS_FAILED');
  expect(server.asked).toEqual([]);
});

it('has no switch to skip that, not even the one of Node', async () => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  onTestFinished(() => void delete process.env.NODE_TLS_REJECT_UNAUTHORIZED);
  const server = await flakyServer(saying('evil'), stranger);
  expect(await codeOf(small(server.url, null))).toBe('TLS_FAILED');
});

it('refuses a server that speaks plain HTTP where https is configured', async () => {
  const server = await flakyServer(saying('stripped'));
  expect(await codeOf(small(server.url.replace('http:', 'https:'), null))).toBe('TLS_FAILED');
});

it('does not follow a redirect from https to http', async () => {
  const other = await flakyServer(saying('stripped'));
  const server = await flakyServer(saying('', 302, { location: other.url }), good);
  expect(await codeOf(small(server.url, authority.certPath))).toBe('NOT_OUR_SERVER');
  expect(other.asked).toEqual([]);
});

it('says so when server_ca_path is missing or no certificate, and needs it for https alone', async () => {
  const garbage = join(dir, 'garbage.pem');
  writeFileSync(garbage, 'not a certificate\n');
  const server = await flakyServer(saying('hello'), good);
  expect(await codeOf(small(server.url, garbage))).toBe('TLS_FAILED');
  expect(await codeOf(small(server.url, join(dir, 'missing.pem')))).toBe('TLS_FAILED');
  const plain = await flakyServer(saying('hello'));
  expect(await codeOf(small(plain.url, join(dir, 'missing.pem')))).toBe('no error');
});
