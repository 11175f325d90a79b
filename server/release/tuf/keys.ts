import { createHash, sign } from 'node:crypto';
import { Key, Signature } from '@tufjs/models';
import { UpdateError } from '../../../protocol/errors.ts';
import type { PublicKey } from '../../../protocol/keys.ts';
import { type PrivateKey, publicPem, readPublicKey } from '../key-files.ts';

const keytype = 'ecdsa';
const scheme = 'ecdsa-sha2-nistp256';

/** A key as metadata holds it. @throws UpdateError KEY_INVALID for RSA, which the framework signs in another way */
export function tufKey({ key, kind, fingerprint }: PublicKey): Key {
  if (kind !== 'ECDSA P-256') {
    throw new UpdateError('KEY_INVALID', `The key ${fingerprint} should be ECDSA P-256 for TUF, found ${kind}.`);
  }
  const pem = publicPem(key);
  // Canonical JSON: sorted, without white space, and line ends as they are.
  const canonical = `{"keytype":"${keytype}","keyval":{"public":"${pem}"},"scheme":"${scheme}"}`;
  const keyID = createHash('sha256').update(canonical).digest('hex');
  return new Key({ keyID, keyType: keytype, scheme, keyVal: { public: pem } });
}

/** The key of a PEM file, or a key id as it stands. */
export const keyIdOf = async (given: string): Promise<string> =>
  /^[0-9a-f]{64}$/.test(given) ? given : tufKey(await readPublicKey(given)).keyID;

export const signerOf =
  ({ key, publicKey }: PrivateKey) =>
  (bytes: Buffer): Signature =>
    new Signature({ keyID: tufKey(publicKey).keyID, sig: sign('sha256', bytes, key).toString('hex') });
