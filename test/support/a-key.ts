import { generateKeyPairSync } from 'node:crypto';

/** A public key to pin where no signature is checked against it. */
export const aKey: string = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .publicKey.export({ type: 'spki', format: 'pem' })
  .toString();
