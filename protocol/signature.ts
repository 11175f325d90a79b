import { createVerify, type KeyObject, sign, type Verify } from 'node:crypto';
import { UpdateError } from './errors.ts';
import type { PublicKey } from './keys.ts';
import { quote } from './version.ts';

/** RSA 16384 in base64 with line ends is under 3 KiB; a longer file is not a signature. */
export const maxSignatureBytes = 4096;

/** The text of a `.sig` file: base64 in lines of 64, as `openssl base64` writes it. */
export function encodeSignature(signature: Buffer): string {
  return `${signature.toString('base64').replace(/.{64}(?=.)/g, '$&\n')}\n`;
}

/**
 * The bytes of a `.sig` file. Strict, as Node's own decoder skips whatever is not base64.
 * @throws UpdateError SIGNATURE_INVALID
 */
export function decodeSignature(text: string): Buffer {
  const base64 = text.replace(/\r?\n/g, '');
  const bytes = Buffer.from(base64, 'base64');
  if (text.length > maxSignatureBytes || bytes.length === 0 || bytes.toString('base64') !== base64) {
    throw new UpdateError('SIGNATURE_INVALID', `The signature should be base64 text, found ${quote(text, 24)}.`);
  }
  return bytes;
}

/** Signs a package as `openssl dgst -sha256 -sign KEY` does (PKCS #1 v1.5 for RSA, DER for ECDSA). */
export const signBytes = (bytes: Buffer, privateKey: KeyObject): Buffer => sign('sha256', bytes, privateKey);

/**
 * Checks one signature against several pinned keys while the signed bytes stream past once.
 * Shape: `push` every chunk in order, then ask `signer` once.
 */
export function signatureCheck(keys: readonly PublicKey[]) {
  const open: { key: PublicKey; verify: Verify }[] = keys.map((key) => ({ key, verify: createVerify('sha256') }));
  return {
    push(chunk: Uint8Array): void {
      for (const { verify } of open) verify.update(chunk);
    },
    /** The key that made the signature, or undefined when none of them did. */
    signer(signature: Buffer): PublicKey | undefined {
      return open.filter(({ key, verify }) => verify.verify(key.key, signature))[0]?.key;
    },
  };
}
