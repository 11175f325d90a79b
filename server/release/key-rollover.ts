import { readFile } from 'node:fs/promises';
import { UpdateError } from '../../protocol/errors.ts';
import {
  followLinks,
  formatKeyChain,
  formatStatement,
  hashOf,
  keyNamePattern,
  type Link,
  noLinks,
  parseKeyChain,
  trustedKeys,
} from '../../protocol/key-chain.ts';
import type { PublicKey } from '../../protocol/keys.ts';
import { encodeSignature, signBytes } from '../../protocol/signature.ts';
import { quote } from '../../protocol/version.ts';
import { describeKey, publicPem, readPrivateKey, readPublicKey } from './key-files.ts';
import { exists, putText } from './put-file.ts';
import { verb } from './verb.ts';

export const keyRollover = verb({
  summary: 'have a key come or go with the next release',
  operands: ['CHAIN'],
  options: {
    key: { type: 'string', value: 'PRIVATE', required: true, help: 'PEM file of a key that boxes trust now' },
    pinned: {
      type: 'string',
      value: 'PUBLIC',
      multiple: true,
      help: 'a key that the first boxes have pinned; all of them',
    },
    add: { type: 'string', value: 'NAME=PUBLIC', multiple: true, help: 'a key that comes, and its name on the boxes' },
    retire: {
      type: 'string',
      value: 'PUBLIC',
      multiple: true,
      help: 'a key that goes, for ever: its file or fingerprint',
    },
  },
  details: `Adds a link to the file CHAIN, or begins it. Give CHAIN to "build" with --keys from then on, in every
release: a box follows the links that are new to it once it has confirmed the release. "publish" puts
the chain beside the releases, where a box finds it that was off for so long that it knows none of
the keys in use. Keep CHAIN with the private keys; it is no secret.
Each link is followed here as a box would; refused: a key that boxes do not trust at that point, one
that was retired before, and a change that leaves no key.`,
  examples: [
    [
      'opq-release key-rollover keys.json --key keys/private_key.pem --pinned keys/public_key.pem --pinned reserve/public_key.pem --add 2028=keys-2028/public_key.pem',
      'a new key comes',
    ],
    [
      'opq-release key-rollover keys.json --key keys-2028/private_key.pem --pinned keys/public_key.pem --pinned reserve/public_key.pem --retire keys/public_key.pem',
      'the old one goes',
    ],
  ],

  async run({ CHAIN: path, key: keyPath, pinned: pinnedPaths, add, retire }) {
    if (add.length + retire.length === 0) throw usage('Nothing is to come or go: give --add or --retire.');
    if (pinnedPaths.length === 0) throw usage('Give every key that the first boxes have pinned: --pinned PUBLIC.');
    const key = await readPrivateKey(keyPath);
    const pinned = await Promise.all(pinnedPaths.map(readPublicKey));
    const links = (await exists(path)) ? parseKeyChain(await readFile(path)) : [];
    const trusted = trustedAfter(links, pinned);
    const gone = await Promise.all(retire.map((given) => trustedKey(given, trusted)));
    const statement = formatStatement({
      number: links.length + 1,
      previous: links.length === 0 ? null : hashOf(links.at(-1)!),
      add: await Promise.all(add.map(namedKey)),
      retire: gone.map(({ fingerprint }) => fingerprint),
    });
    const signature = encodeSignature(signBytes(Buffer.from(statement), key.key));
    const all = [...links, { statement, signature }];
    const left = trustedAfter(all, pinned);
    await putText(path, formatKeyChain(all));
    return {
      text: [
        `${path}: link ${all.length}, signed by ${describeKey(key.publicKey)}`,
        ...gone.map((one) => `retired: ${describeKey(one)}`),
        ...left.map((one) => `trusted then: ${describeKey(one)}`),
        ...(left.length > 1 ? [] : ['Only one key is left: when it is lost, no box can be reached any more.']),
      ].join('\n'),
      json: {
        chain: path,
        link: all.length,
        retired: gone.map(({ fingerprint }) => fingerprint),
        trusted: left.map(({ fingerprint }) => fingerprint),
      },
    };
  },
});

/** @throws UpdateError KEYS_REFUSED where a box would not follow */
function trustedAfter(links: readonly Link[], pinned: readonly PublicKey[]): PublicKey[] {
  const trust = followLinks(noLinks, pinned, links, 0);
  if (trust.number === links.length) return trustedKeys(trust, pinned);
  throw new UpdateError('KEYS_REFUSED', 'A box with these --pinned keys follows no link: none of them signed one.');
}

async function namedKey(given: string): Promise<{ name: string; pem: string }> {
  const [, name = '', path = ''] = /^([^=]*)=(.+)$/s.exec(given) ?? [];
  if (!keyNamePattern.test(name))
    throw usage(`--add is NAME=PUBLIC, such as 2028=public_key.pem; found ${quote(given)}.`);
  return { name, pem: publicPem((await readPublicKey(path)).key) };
}

/** @throws UpdateError NOT_FOUND for one that boxes do not trust: most likely the wrong file */
async function trustedKey(given: string, trusted: readonly PublicKey[]): Promise<PublicKey> {
  const fingerprint = /^[0-9a-f]{64}$/.test(given) ? given : (await readPublicKey(given)).fingerprint;
  const key = trusted.find((key) => key.fingerprint === fingerprint);
  if (key) return key;
  throw new UpdateError('NOT_FOUND', `Boxes do not trust the key ${fingerprint}, so it cannot be retired.`);
}

const usage = (what: string) => new UpdateError('USAGE', what);
