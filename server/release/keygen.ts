import { generateKeyPairSync } from 'node:crypto';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { UpdateError } from '../../protocol/errors.ts';
import { parsePublicKey } from '../../protocol/keys.ts';
import { publicPem } from './key-files.ts';
import { exists, syncFolder } from './put-file.ts';
import { table } from './text.ts';
import { verb } from './verb.ts';

export const keygen = verb({
  summary: 'make a key pair',
  operands: ['DIR'],
  options: { rsa: { type: 'boolean', help: 'RSA 3072 in place of ECDSA P-256' } },
  details: `Writes DIR/private_key.pem, for its owner's eyes only, and DIR/public_key.pem.
The private key signs releases: keep it off the update server, and keep a copy in a safe place.
The public key is pinned on every box; its fingerprint is what two people compare.
A file that exists is never overwritten.`,
  examples: [
    ['opq-release keygen keys', 'a pair for a new fleet'],
    ['opq-release keygen keys-rsa --rsa', 'for boxes whose openssl is old'],
  ],

  async run({ DIR: folder, rsa }) {
    const pair = rsa
      ? generateKeyPairSync('rsa', { modulusLength: 3072 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const privatePath = join(folder, 'private_key.pem');
    const publicPath = join(folder, 'public_key.pem');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const path of [privatePath, publicPath]) await mustNotExist(path);
    await writeNew(privatePath, 0o600, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
    try {
      await writeNew(publicPath, 0o644, publicPem(pair.publicKey));
    } catch (error) {
      await rm(privatePath, { force: true });
      throw error;
    }
    await syncFolder(folder);
    const { kind, fingerprint } = parsePublicKey(publicPem(pair.publicKey));
    return {
      text: table([
        ['private key', `${privatePath} (${kind}; keep it secret, and off the update server)`],
        ['public key', `${publicPath} (pin it on every box)`],
        ['fingerprint', fingerprint],
      ]),
      json: { private_key: privatePath, public_key: publicPath, kind, fingerprint },
    };
  },
});

async function mustNotExist(path: string): Promise<void> {
  if (!(await exists(path))) return;
  throw new UpdateError('USAGE', `${path} is there already; a key is never overwritten. Take another folder.`);
}

/** The mode holds from the first instant: between creation and a chmod others could open the file. */
async function writeNew(path: string, mode: number, text: string): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
