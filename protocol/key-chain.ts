import { createHash } from 'node:crypto';
import { UpdateError } from './errors.ts';
import { type PublicKey, parsePublicKey } from './keys.ts';
import * as s from './schema.ts';
import { decodeSignature, maxSignatureBytes, signatureCheck } from './signature.ts';

/**
 * Keys of a publisher come and go by a chain of links. Each link names the keys that come and the fingerprints of those
 * that go, is signed by one that was trusted before it, and names the link before it by its hash. The whole chain
 * travels in every release (`keys` of update.json), and lies on the server for boxes that cannot verify the newest
 * release yet. A key that went never comes back.
 */
export const keyChainName = 'keys.json';
export const maxKeyChainBytes = 128 * 1024;

const fingerprint = s.string(s.regex(/^[0-9a-f]{64}$/, 'expected the fingerprint of a key, 64 lower-case hex digits'));
export const keyNamePattern = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const keyName = s.string(s.regex(keyNamePattern, 'expected a name of letters a-z, digits and . _ -'));

const statementSchema = s.strictObject({
  /** Nothing else that the same key signs can be taken for a link. */
  what: s.literal('keys of OPQ Box updates'),
  number: s.int(s.minValue(1)),
  /** SHA-256 of the statement before; null in the first. */
  previous: s.nullable(fingerprint),
  add: s.array(s.strictObject({ name: keyName, pem: s.string(s.maxLength(4096)) }), s.maxLength(8)),
  retire: s.array(fingerprint, s.maxLength(8)),
});
export type Statement = s.Output<typeof statementSchema>;

export const linkSchema = s.strictObject({
  /** JSON as it was signed. */
  statement: s.string(s.maxLength(40_000)),
  signature: s.string(s.maxLength(maxSignatureBytes)),
});
export type Link = s.Output<typeof linkSchema>;

export const linksSchema = s.pipe(s.array(linkSchema, s.maxLength(128)), s.readonly());
const chainSchema = s.strictObject({ format: s.literal(1), links: linksSchema });

/** What a box keeps of the links that it followed. */
export const trustSchema = s.strictObject({
  format: s.literal(1),
  /** The last link followed, and the hash of its statement; 0 = none so far. */
  number: s.int(s.minValue(0)),
  last: s.nullable(fingerprint),
  /** `release`: the one whose confirmation brought it. */
  added: s.pipe(s.array(s.strictObject({ name: keyName, pem: s.string(), release: s.int() })), s.readonly()),
  retired: s.pipe(s.array(s.strictObject({ fingerprint, release: s.int() })), s.readonly()),
});
export type Trust = s.Output<typeof trustSchema>;

export const noLinks: Trust = { format: 1, number: 0, last: null, added: [], retired: [] };

/** The keys that count: those that were pinned by hand and those that links brought, but for those that links retired. */
export function trustedKeys({ added, retired }: Trust, pinned: readonly PublicKey[]): PublicKey[] {
  const all = [...pinned, ...added.map(({ pem, name }) => parsePublicKey(pem, name))];
  return all.filter((key) => !retired.some((gone) => gone.fingerprint === key.fingerprint));
}

/**
 * Follows the links that come after those followed already.
 * A box that has followed none, such as a new one, begins at the first link that a key of its own signed: what came
 * before it was before its time. From there every link must hold.
 * @param release that the links come with; it is noted with each key
 * @throws UpdateError KEYS_REFUSED, KEY_INVALID
 */
export function followLinks(
  before: Trust,
  pinned: readonly PublicKey[],
  links: readonly Link[],
  release: number,
): Trust {
  let trust = before;
  let previous: string | null = null;
  for (const [index, link] of links.entries()) {
    const number = index + 1;
    const statement = parseStatement(link, number);
    if (statement.number !== number || statement.previous !== previous) {
      throw refused(`link ${number} does not follow the one before it`);
    }
    previous = hashOf(link);
    if (number === trust.number && previous !== trust.last) {
      throw refused(`link ${number} is another one than this box has followed`);
    }
    if (number <= trust.number) continue;
    if (isSigned(link, trustedKeys(trust, pinned))) trust = after(trust, pinned, statement, previous, release);
    else if (trust.number > 0) throw refused(`no key that is trusted at that point has signed link ${number}`);
  }
  return trust;
}

function after(trust: Trust, pinned: readonly PublicKey[], statement: Statement, last: string, release: number): Trust {
  const { number, add, retire } = statement;
  const known = [...pinned, ...trust.added.map(({ pem }) => parsePublicKey(pem))];
  const added = [...trust.added];
  for (const { name, pem } of add) {
    const key = parsePublicKey(pem, name);
    if (trust.retired.some((gone) => gone.fingerprint === key.fingerprint)) {
      throw refused(`link ${number} brings back ${name}, which was retired`);
    }
    if (!known.some((other) => other.fingerprint === key.fingerprint)) added.push({ name, pem, release });
  }
  const gone = retire.filter((key) => !trust.retired.some((other) => other.fingerprint === key));
  const retired = [...trust.retired, ...gone.map((key) => ({ fingerprint: key, release }))];
  const next: Trust = { format: 1, number, last, added, retired };
  if (trustedKeys(next, pinned).length === 0) throw refused(`link ${number} would leave no key`);
  return next;
}

/** Fingerprints of all keys that a chain ever retires; whether it holds is not asked. */
export const retiredIn = (links: readonly Link[]): string[] =>
  links.flatMap((link, index) => parseStatement(link, index + 1).retire);

export const hashOf = ({ statement }: Link): string => createHash('sha256').update(statement).digest('hex');

function isSigned({ statement, signature }: Link, keys: readonly PublicKey[]): boolean {
  const check = signatureCheck(keys);
  check.push(Buffer.from(statement));
  return check.signer(decodeSignature(signature)) !== undefined;
}

function parseStatement({ statement }: Link, number: number): Statement {
  return parsed(statementSchema, statement, `link ${number}`);
}

/** @param bytes the whole file, at most `maxKeyChainBytes` @throws UpdateError KEYS_REFUSED */
export const parseKeyChain = (bytes: Uint8Array): readonly Link[] =>
  parsed(chainSchema, Buffer.from(bytes).toString('utf8'), 'the file').links;

export function formatKeyChain(links: readonly Link[]): string {
  const text = `${JSON.stringify({ format: 1, links }, null, 1)}\n`;
  if (text.length <= maxKeyChainBytes && s.judge(linksSchema, links).success) return text;
  throw refused('it would be too long');
}

/** The text of a link to sign. */
export const formatStatement = (statement: Omit<Statement, 'what'>): string =>
  JSON.stringify(s.parse(statementSchema, { what: 'keys of OPQ Box updates', ...statement }));

function parsed<T extends s.Schema>(schema: T, text: string, what: string): s.Output<T> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw refused(`${what} is not JSON`, cause);
  }
  const result = s.judge(schema, json);
  if (result.success) return result.data;
  throw refused(`${what} ${s.misshapen(result)}`);
}

const refused = (why: string, cause?: unknown) =>
  new UpdateError('KEYS_REFUSED', `The chain of keys is not followed: ${why}.`, { cause });
