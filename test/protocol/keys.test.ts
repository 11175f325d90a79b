import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UpdateError } from '../../protocol/errors.ts';
import { parsePublicKey } from '../../protocol/keys.ts';
import { errorOf } from '../support/error-of.ts';

const rsa = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength });
const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve });
const spki = ({ publicKey }: { publicKey: KeyObject }) => publicKey.export({ type: 'spki', format: 'pem' }).toString();
const p256 = ec('P-256');
const rsa2048 = rsa(2048);
const p256Pem = spki(p256);

describe('a public key that a box may trust', () => {
  it.each([
    ['ECDSA P-256', p256Pem],
    ['RSA 2048', spki(rsa2048)],
    ['RSA 3072', spki(rsa(3072))],
  ])('is %s', (kind, pem) => {
    expect(parsePublicKey(pem).kind).toBe(kind);
  });

  it('has the fingerprint that openssl tells of it', () => {
    const der = execFileSync('openssl', ['pkey', '-pubin', '-outform', 'DER'], { input: p256Pem });
    expect(parsePublicKey(p256Pem).fingerprint).toBe(createHash('sha256').update(der).digest('hex'));
  });

  it('may be in the older PEM form of RSA, have CRLF, and have remarks around it', () => {
    const pkcs1 = rsa2048.publicKey.export({ type: 'pkcs1', format: 'pem' }).toString();
    const { fingerprint } = parsePublicKey(spki(rsa2048));
    expect(parsePublicKey(pkcs1).fingerprint).toBe(fingerprint);
    expect(parsePublicKey(`OPQ 2026\n${pkcs1.replaceAll('\n', '\r\n')}\n`).fingerprint).toBe(fingerprint);
  });
});

describe('a key that a box must not trust', () => {
  const pkcs8 = p256.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  it.each([
    ['a private key', pkcs8],
    ['a private RSA key', rsa2048.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()],
    [
      'a private key with a passphrase',
      p256.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString(),
    ],
    ['a public key with its private one', p256Pem + pkcs8],
    ['RSA 1024', spki(rsa(1024))],
    ['RSA-PSS', spki(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }))],
    ['ECDSA P-384', spki(ec('P-384'))],
    ['ECDSA secp256k1', spki(ec('secp256k1'))],
    ['Ed25519', spki(generateKeyPairSync('ed25519'))],
    ['X25519', spki(generateKeyPairSync('x25519'))],
    ['two keys', p256Pem + p256Pem],
    ['a certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
    ['a damaged key', p256Pem.replace(/\n.{8}/, '\nAAAAAAAA')],
    ['half a key', p256Pem.slice(0, 60)],
    ['an empty file', ''],
    ['something else', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA box'],
  ])('is %s', (_, pem) => {
    expect(errorOf(() => parsePublicKey(pem))).toBe('KEY_INVALID');
  });

  it('is told by a code, whatever has become of it', () => {
    fc.assert(
      fc.property(fc.nat(p256Pem.length - 1), fc.string({ maxLength: 4 }), (at, change) => {
        try {
          parsePublicKey(p256Pem.slice(0, at) + change + p256Pem.slice(at + change.length));
        } catch (error) {
          if (!(error instanceof UpdateError)) throw error;
        }
      }),
      { numRuns: 300 },
    );
  });
});
