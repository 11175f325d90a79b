import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  desk,
  nameOf,
  newVersion,
  oldVersion,
  opensslSigns,
  opensslVerifies,
  release,
  releaseJson,
  tempFolder,
} from './program.ts';

/** Keys as openssl makes them, in the forms that people have lying about. */
const opensslKeys: [string, string][] = [
  ['RSA 2048', 'openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key'],
  ['RSA 3072 in the old form', 'openssl genrsa -traditional -out key 3072 2>&1'],
  ['EC P-256', 'openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key'],
  ['EC P-256 in the old form, with its parameters', 'openssl ecparam -genkey -name prime256v1 -out key'],
];

function opensslPair(command: string) {
  const cwd = tempFolder();
  execFileSync('sh', ['-c', `${command} && openssl pkey -in key -pubout -out public`], { cwd, stdio: 'ignore' });
  return { privateKey: join(cwd, 'key'), publicKey: join(cwd, 'public') };
}

describe('opq-release sign and verify', () => {
  it.each(opensslKeys)('understand openssl both ways with a key of %s', (_, command) => {
    const path = desk().build(oldVersion);
    const { privateKey, publicKey } = opensslPair(command);

    expect(release(['sign', path, '--key', privateKey]).exit).toBe(0);
    expect(opensslVerifies(path, publicKey)).toBe(true);
    expect(release(['verify', path, '--key', publicKey]).exit).toBe(0);

    opensslSigns(path, privateKey);
    expect(release(['verify', path, '--key', publicKey]).exit).toBe(0);
  });

  it.each([[], ['--rsa']])('work with the keys that keygen makes (%s)', (...options) => {
    const { at, build } = desk();
    const path = build(oldVersion);
    const keys = releaseJson(['keygen', at('more'), ...options]);
    const signed = releaseJson(['sign', path, '--key', keys.private_key]);
    expect(signed.fingerprint).toBe(keys.fingerprint);
    expect(opensslVerifies(path, keys.public_key)).toBe(true);
    opensslSigns(path, keys.private_key);
    expect(releaseJson(['verify', path, '--key', keys.public_key]).fingerprint).toBe(keys.fingerprint);
  });

  it('refuse with exit code 4 what is not signed, altered, or signed for something else', () => {
    const { build, privateKey, publicKey } = desk();
    const path = build(oldVersion);
    const other = build(newVersion);
    const verify = (key = publicKey) => release(['verify', path, '--key', key]);
    expect(verify()).toMatchObject({ exit: 4, code: 'SIGNATURE_MISSING' });
    release(['sign', other, '--key', privateKey]);
    writeFileSync(`${path}.sig`, readFileSync(`${other}.sig`));
    expect(verify()).toMatchObject({ exit: 4, code: 'SIGNATURE_INVALID' });
    for (const text of ['', 'no base64', 'A'.repeat(100_000)]) {
      writeFileSync(`${path}.sig`, text);
      expect(verify()).toMatchObject({ exit: 4, code: 'SIGNATURE_INVALID' });
    }
    release(['sign', path, '--key', privateKey]);
    expect(verify().exit).toBe(0);
    expect(verify(opensslPair(opensslKeys[0]![1]).publicKey)).toMatchObject({ exit: 4, code: 'SIGNATURE_INVALID' });
    appendFileSync(path, 'x');
    expect(verify()).toMatchObject({ exit: 4, code: 'SIGNATURE_INVALID' });
  });

  it.each([
    ['EC P-384', 'openssl ecparam -genkey -name secp384r1 -noout -out key'],
    ['RSA 1024', 'openssl genrsa -out key 1024'],
    ['Ed25519', 'openssl genpkey -algorithm ED25519 -out key'],
    [
      'EC P-256 with a passphrase',
      'openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass pass:x -out key',
    ],
    ['RSA 2048 with a passphrase in the old form', 'openssl genrsa -traditional -aes256 -passout pass:x -out key 2048'],
    ['a public key', 'openssl ecparam -genkey -name prime256v1 -noout | openssl pkey -pubout -out key'],
    ['garbage', 'echo garbage > key'],
  ])('refuse to sign with %s, and leave no signature', (_, command) => {
    const path = desk().build(oldVersion);
    const cwd = tempFolder();
    execFileSync('sh', ['-c', command], { cwd, stdio: 'ignore' });
    expect(release(['sign', path, '--key', join(cwd, 'key')])).toMatchObject({ exit: 4, code: 'KEY_INVALID' });
    expect(readdirSync(dirname(path))).toHaveLength(1);
  });

  it('refuse to sign what no box takes: VERSION says another release than the name, or it is cut off', () => {
    const { build, privateKey, at } = desk();
    const good = build(oldVersion);
    const bad = at(nameOf(newVersion));
    const rows: [Buffer, string][] = [
      [readFileSync(good), 'VERSION_MISMATCH'],
      [readFileSync(build(newVersion)).subarray(0, -5), 'ARCHIVE_CORRUPT'],
    ];
    for (const [bytes, code] of rows) {
      writeFileSync(bad, bytes);
      expect(release(['sign', bad, '--key', privateKey])).toMatchObject({ exit: 4, code });
      expect(existsSync(`${bad}.sig`)).toBe(false);
    }
  });

  it('refuse a private key where the public one is due', () => {
    const { build, privateKey } = desk();
    expect(release(['verify', build(oldVersion), '--key', privateKey])).toMatchObject({ exit: 4, code: 'KEY_INVALID' });
  });

  it('say what is not there', () => {
    const { build, privateKey, at } = desk();
    const path = build(oldVersion);
    expect(release(['sign', path, '--key', at('none.pem')])).toMatchObject({ exit: 2, code: 'NOT_FOUND' });
    expect(release(['sign', at('keys'), '--key', privateKey])).toMatchObject({ exit: 2, code: 'NOT_FOUND' });
    rmSync(path);
    expect(release(['sign', path, '--key', privateKey])).toMatchObject({ exit: 2, code: 'NOT_FOUND' });
  });
});
