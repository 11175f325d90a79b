import { execFileSync } from 'node:child_process';
import { createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePublicKey } from '../../protocol/keys.ts';
import { decodeSignature, encodeSignature, signatureCheck, signBytes } from '../../protocol/signature.ts';
import { errorOf } from '../support/error-of.ts';

const pinned = ({ publicKey }: { publicKey: KeyObject }) =>
  parsePublicKey(publicKey.export({ type: 'spki', format: 'pem' }).toString());
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const content = Buffer.from('a package'.repeat(1000));

function signerOf(bytes: Buffer, signature: Buffer, chunkBytes = bytes.length) {
  const check = signatureCheck([pinned(rsa), pinned(ec)]);
  for (let at = 0; at < bytes.length; at += chunkBytes) check.push(bytes.subarray(at, at + chunkBytes));
  return check.signer(signature)?.fingerprint;
}

describe('a signature file', () => {
  it('is the text that openssl base64 writes, and is read back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 512 }), (array) => {
        expect(decodeSignature(encodeSignature(Buffer.from(array)))).toEqual(Buffer.from(array));
      }),
    );
    for (const bytes of [Buffer.alloc(48, 1), Buffer.alloc(71, 2), Buffer.alloc(384, 3)]) {
      expect(encodeSignature(bytes)).toBe(execFileSync('openssl', ['base64'], { input: bytes, encoding: 'utf8' }));
    }
  });

  it('may be one long line, without a line end, or with CRLF', () => {
    const bytes = Buffer.alloc(384, 7);
    const line = bytes.toString('base64');
    for (const text of [line, `${line}\n`, encodeSignature(bytes).replaceAll('\n', '\r\n')]) {
      expect(decodeSignature(text)).toEqual(bytes);
    }
  });

  it.each([
    ['is empty', ''],
    ['is only a line end', '\n'],
    ['is not base64', 'no signature!'],
    ['has blanks', 'AAAA AAAA'],
    ['has a tab at its end', 'AAAA\t'],
    ['is the URL form of base64', '-_-_'],
    ['lacks its padding', 'AAAAAA'],
    ['has bits after its end', 'AAB='],
    ['has padding in the middle', 'AA==AAAA'],
    ['is longer than any signature', 'AAAA'.repeat(1025)],
    ['is a web page', '<html>'],
    ['is binary', '\u00000\u0082'],
  ])('is refused when it %s', (_, text) => {
    expect(errorOf(() => decodeSignature(text))).toBe('SIGNATURE_INVALID');
  });
});

describe('the signature of a package', () => {
  it.each([
    ['RSA', rsa],
    ['ECDSA', ec],
  ] as const)('by %s is known again by the one pinned key that made it', (_, pair) => {
    const signature = signBytes(content, pair.privateKey);
    for (const chunkBytes of [1, 1000, content.length]) {
      expect(signerOf(content, signature, chunkBytes)).toBe(pinned(pair).fingerprint);
    }
  });

  it('holds for no other key, no other package and no other hash', () => {
    expect(signerOf(content, signBytes(content, stranger.privateKey))).toBeUndefined();
    expect(signerOf(Buffer.from('another package'), signBytes(content, ec.privateKey))).toBeUndefined();
    expect(signerOf(content, createSign('sha512').update(content).sign(rsa.privateKey))).toBeUndefined();
  });

  it('holds no more when one bit of the package or of the signature is another', () => {
    const signature = signBytes(content, ec.privateKey);
    fc.assert(
      fc.property(fc.nat(content.length * 8 - 1), fc.nat(signature.length * 8 - 1), (inContent, inSignature) => {
        expect(signerOf(flip(content, inContent), signature)).toBeUndefined();
        expect(signerOf(content, flip(signature, inSignature))).toBeUndefined();
      }),
      { numRuns: 40 },
    );
  });

  it('is refused, not crashed upon, whatever bytes it has', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        expect(signerOf(content, Buffer.from(bytes))).toBeUndefined();
      }),
    );
  });
});

function flip(bytes: Buffer, bit: number): Buffer {
  const flipped = Buffer.from(bytes);
  flipped[bit >> 3]! ^= 1 << (bit & 7);
  return flipped;
}
