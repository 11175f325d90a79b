import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UpdateError } from '../../protocol/errors.ts';
import { formatKeyChain, hashOf, keyChainName, type Link, parseKeyChain, retiredIn } from '../../protocol/key-chain.ts';
import type { PublicKey } from '../../protocol/keys.ts';
import { exists, putText } from './put-file.ts';
import { counted } from './text.ts';

/**
 * What a release must carry so that every box gets on with it: the chain that is published already, as a whole, and a
 * signature by a key that the chain leaves in use.
 * @throws UpdateError USAGE
 */
export async function judgeKeys(folder: string, links: readonly Link[], signer: PublicKey): Promise<void> {
  const path = join(folder, keyChainName);
  const published = (await exists(path)) ? parseKeyChain(await readFile(path)) : [];
  if (published.some((link, index) => links[index] === undefined || hashOf(links[index]) !== hashOf(link))) {
    throw new UpdateError(
      'USAGE',
      `The package does not carry the chain of ${counted(published.length, 'link')} in ${path}: build it with --keys, from the same chain.`,
    );
  }
  if (retiredIn(links).includes(signer.fingerprint)) {
    throw new UpdateError('USAGE', 'The chain in the package retires the key that signs it: sign with another one.');
  }
}

/** After the package and before version.json: who learns of the release finds what leads to its key. */
export async function publishKeys(folder: string, links: readonly Link[]): Promise<void> {
  if (links.length > 0) await putText(join(folder, keyChainName), formatKeyChain(links));
}
