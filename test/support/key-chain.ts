import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { formatStatement, hashOf, type Link, type Statement } from '../../protocol/key-chain.ts';
import { type PublicKey, parsePublicKey } from '../../protocol/keys.ts';
import { encodeSignature, signBytes } from '../../protocol/signature.ts';
import type { KeyFiles } from './packages.ts';

export interface Pair {
  readonly pem: string;
  readonly publicKey: PublicKey;
  readonly privateKey: KeyObject;
}

export function keyPair(): Pair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  return { pem, publicKey: parsePublicKey(pem), privateKey };
}

/** The chain with one more link; `lies` replaces what it should say. */
export function linked(
  links: readonly Link[],
  by: Pair,
  { add = {}, retire = [] }: { add?: Record<string, Pair>; retire?: Pair[] },
  lies: Partial<Statement> = {},
): Link[] {
  const statement = formatStatement({
    number: links.length + 1,
    previous: links.length === 0 ? null : hashOf(links.at(-1)!),
    add: Object.entries(add).map(([name, { pem }]) => ({ name, pem })),
    retire: retire.map(({ publicKey }) => publicKey.fingerprint),
    ...lies,
  });
  return [...links, { statement, signature: encodeSignature(signBytes(Buffer.from(statement), by.privateKey)) }];
}

/** The same of the files of a key. */
export function pairOf({ privatePath, publicPath }: KeyFiles): Pair {
  const pem = readFileSync(publicPath, 'utf8');
  return { pem, publicKey: parsePublicKey(pem), privateKey: createPrivateKey(readFileSync(privatePath)) };
}
