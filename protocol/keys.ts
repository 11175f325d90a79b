import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { UpdateError } from './errors.ts';

/** A public key that a box trusts for signatures of packages. */
export interface PublicKey {
  readonly key: KeyObject;
  /** SHA-256 of the key's DER form (SubjectPublicKeyInfo), 64 hex digits: what two people compare by phone. */
  readonly fingerprint: string;
  /** `RSA 3072` or `ECDSA P-256`. */
  readonly kind: string;
}

/**
 * Reads one PEM public key.
 * @throws UpdateError KEY_INVALID for a private key, RSA below 2048 bits, another curve or algorithm, or garbage
 */
export function parsePublicKey(pem: string, name = 'the key'): PublicKey {
  if (/PRIVATE KEY/.test(pem)) {
    throw new UpdateError(
      'KEY_INVALID',
      `${name} is a private key; a box holds public keys only. Take it off the box.`,
    );
  }
  const blocks = pem.match(/-----BEGIN [A-Z0-9 ]+-----/g) ?? [];
  if (blocks.length !== 1 || !/^-----BEGIN (RSA )?PUBLIC KEY-----$/.test(blocks[0]!)) {
    throw new UpdateError('KEY_INVALID', `${name} should be one PEM public key, found ${blocks.join(', ') || 'none'}.`);
  }
  let key: KeyObject;
  try {
    key = createPublicKey({ key: pem, format: 'pem' });
  } catch (cause) {
    throw new UpdateError('KEY_INVALID', `${name} cannot be read as a PEM public key.`, { cause });
  }
  const der = key.export({ type: 'spki', format: 'der' });
  return { key, kind: kindOf(key, name), fingerprint: createHash('sha256').update(der).digest('hex') };
}

function kindOf(key: KeyObject, name: string): string {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa' && modulusLength >= 2048) return `RSA ${modulusLength}`;
  if (key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') return 'ECDSA P-256';
  const found = `${key.asymmetricKeyType} ${namedCurve ?? (modulusLength || '')}`.trim();
  throw new UpdateError('KEY_INVALID', `${name} should be RSA of 2048 bits or more or ECDSA P-256, found ${found}.`);
}
