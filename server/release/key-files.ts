import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { UpdateError } from '../../protocol/errors.ts';
import { type PublicKey, parsePublicKey } from '../../protocol/keys.ts';

export interface PrivateKey {
  readonly key: KeyObject;
  readonly publicKey: PublicKey;
}

/** PEM text of a public key, as `public_key.pem` holds it. */
export const publicPem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString();

/**
 * @throws UpdateError KEY_INVALID when a box could not verify with its public half, or when it needs a passphrase
 */
export async function readPrivateKey(path: string): Promise<PrivateKey> {
  const pem = await readFile(path, 'utf8');
  if (/BEGIN ENCRYPTED PRIVATE KEY|^Proc-Type: 4,ENCRYPTED/m.test(pem)) {
    throw new UpdateError(
      'KEY_INVALID',
      `${path} is locked with a passphrase, which opq-release does not ask for. Unlock a copy with "openssl pkey".`,
    );
  }
  if (/BEGIN (RSA )?PUBLIC KEY/.test(pem) && !/PRIVATE KEY/.test(pem)) {
    throw new UpdateError('KEY_INVALID', `${path} is a public key; signing needs the private one.`);
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    throw new UpdateError('KEY_INVALID', `${path} cannot be read as a PEM private key.`, { cause });
  }
  return { key, publicKey: parsePublicKey(publicPem(createPublicKey(key)), path) };
}

/** @throws UpdateError KEY_INVALID */
export const readPublicKey = async (path: string): Promise<PublicKey> =>
  parsePublicKey(await readFile(path, 'utf8'), path);

/** For people: `ECDSA P-256 key 0123…`. */
export const describeKey = ({ kind, fingerprint }: PublicKey): string => `${kind} key ${fingerprint}`;
