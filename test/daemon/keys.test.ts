import { generateKeyPairSync } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { addKey, allKeys, listKeys, pinnedKeyPems, removeKey } from '../../daemon/keys.ts';
import { type Places, placesUnder } from '../../daemon/places.ts';
import { judgeConfig } from '../../protocol/config.ts';
import { parsePublicKey } from '../../protocol/keys.ts';
import { aKey } from '../support/a-key.ts';
import { codeOf } from '../support/error-of.ts';

const { values } = judgeConfig({ server_url: 'http://updates.example/' });
const publicPem = (kind: 'ec' | 'rsa', size: number | string) => {
  const pair =
    kind === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: String(size) })
      : generateKeyPairSync('rsa', { modulusLength: Number(size) });
  return pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
};
const otherKey = publicPem('ec', 'P-256');

let places: Places;
let folder = '';
beforeEach(async () => {
  const root = await mkdtemp(join(tmpdir(), 'opq-keys-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  places = placesUnder(root);
  folder = places.at('/etc/opq-updater/keys');
});
const put = async (name: string, text: string) => {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, name), text);
};

it('has no keys before one is pinned: then nothing is trusted', async () => {
  expect(await listKeys(places, values)).toEqual([]);
  expect(await codeOf(pinnedKeyPems(places, values))).toBe('NO_TRUSTED_KEYS');
});

it('pins a key under a name, for all to read', async () => {
  const { kind, fingerprint } = parsePublicKey(aKey);
  expect(await addKey(places, values, 'publisher', aKey)).toEqual({
    name: 'publisher',
    signs: 'releases',
    kind,
    fingerprint,
    fault: null,
    added_by: null,
    retired_by: null,
  });
  expect(await pinnedKeyPems(places, values)).toEqual([aKey]);
  expect((await stat(join(folder, 'publisher.pem'))).mode & 0o777).toBe(0o644);
  expect(await codeOf(addKey(places, values, 'publisher', aKey))).toBe('no error');
});

it('does not put another key in the place of one that is pinned', async () => {
  await addKey(places, values, 'publisher', aKey);
  expect(await codeOf(addKey(places, values, 'publisher', otherKey))).toBe('NOT_PERMITTED');
  expect(await readFile(join(folder, 'publisher.pem'), 'utf8')).toBe(aKey);
  await addKey(places, values, 'second', otherKey);
  expect(await pinnedKeyPems(places, values)).toEqual([aKey, otherKey]);
});

it('unpins a key by its name or by its fingerprint', async () => {
  await addKey(places, values, 'a', aKey);
  await addKey(places, values, 'b', otherKey);
  expect(await removeKey(places, values, 'a')).toBe('a');
  expect(await removeKey(places, values, parsePublicKey(otherKey).fingerprint)).toBe('b');
  expect(await codeOf(removeKey(places, values, 'a'))).toBe('NOT_FOUND');
  expect(await listKeys(places, values)).toEqual([]);
});

it('keeps the keys of builders apart: they sign no release, and those of publishers no build', async () => {
  await addKey(places, values, 'publisher', aKey);
  expect(await addKey(places, values, 'builder', otherKey, 'builder_keys_path')).toMatchObject({ signs: 'builds' });
  expect(await pinnedKeyPems(places, values)).toEqual([aKey]);
  expect(await pinnedKeyPems(places, values, 'attended')).toEqual([otherKey]);
  expect(await allKeys(places, values)).toMatchObject([
    { name: 'publisher', signs: 'releases' },
    { name: 'builder', signs: 'builds' },
  ]);
  expect(await codeOf(removeKey(places, values, 'builder'))).toBe('NOT_FOUND');
  expect(await removeKey(places, values, 'builder', 'builder_keys_path')).toBe('builder');
  expect(await codeOf(pinnedKeyPems(places, values, 'attended'))).toBe('NO_TRUSTED_KEYS');
});

describe('a file among the keys that is none', () => {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const bad: [string, () => Promise<unknown>][] = [
    ['is a private key', () => put('bad.pem', pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())],
    ['is an RSA key of 1024 bits', () => put('bad.pem', publicPem('rsa', 1024))],
    ['is on another curve', () => put('bad.pem', publicPem('ec', 'secp384r1'))],
    ['is empty', () => put('bad.pem', '')],
    ['is garbage', () => put('bad.pem', '\u0000\u0001garbage')],
    ['holds two keys', () => put('bad.pem', `${aKey}${otherKey}`)],
    ['is a folder', () => mkdir(join(folder, 'bad.pem'))],
    ['is a link to itself', () => symlink('bad.pem', join(folder, 'bad.pem'))],
  ];
  it.each(bad)('and %s is shown as such, and the good ones are still used', async (_, make) => {
    await put('good.pem', aKey);
    await make();
    expect(await listKeys(places, values)).toMatchObject([
      { name: 'bad', fingerprint: null, fault: { code: 'KEY_INVALID' } },
      { name: 'good', fault: null },
    ]);
    expect(await pinnedKeyPems(places, values)).toEqual([aKey]);
    await rm(join(folder, 'good.pem'));
    expect(await codeOf(pinnedKeyPems(places, values))).toBe('NO_TRUSTED_KEYS');
    expect(await removeKey(places, values, 'bad')).toBe('bad');
  });

  it('and has another ending is not looked at', async () => {
    await put('publisher.pem.disabled', aKey);
    await put('README', 'Keys go here.');
    expect(await listKeys(places, values)).toEqual([]);
  });

  it('is not pinned either', async () => {
    expect(await codeOf(addKey(places, values, 'bad', publicPem('rsa', 1024)))).toBe('KEY_INVALID');
    expect(await listKeys(places, values)).toEqual([]);
  });
});

it('trusts nothing where the folder of the keys cannot be read', async () => {
  await mkdir(join(folder, '..'), { recursive: true });
  await writeFile(folder, 'not a folder');
  await chmod(folder, 0o644);
  expect(await codeOf(pinnedKeyPems(places, values))).toBe('NO_TRUSTED_KEYS');
});
