import { describe, expect, it } from 'vitest';
import {
  followLinks,
  formatKeyChain,
  type Link,
  maxKeyChainBytes,
  noLinks,
  parseKeyChain,
  type Trust,
  trustedKeys,
  trustSchema,
} from '../../protocol/key-chain.ts';
import { parse } from '../../protocol/schema.ts';
import { errorOf } from '../support/error-of.ts';
import { keyPair, linked, type Pair } from '../support/key-chain.ts';

const [active, reserve, next, later, stranger] = [keyPair(), keyPair(), keyPair(), keyPair(), keyPair()];
const names = new Map([
  [active, 'active'],
  [reserve, 'reserve'],
  [next, 'next'],
  [later, 'later'],
  [stranger, 'stranger'],
]);
const pinned = [active.publicKey, reserve.publicKey];
const trusted = (trust: Trust, keys = pinned) =>
  trustedKeys(trust, keys).map(
    (key) => [...names].find(([{ publicKey }]) => publicKey.fingerprint === key.fingerprint)?.[1],
  );
const follow = (links: readonly Link[], trust = noLinks) => followLinks(trust, pinned, links, 1550190683);
const refused = (links: readonly Link[], trust = noLinks) => errorOf(() => follow(links, trust));

const came = linked([], active, { add: { next } });
const went = linked(came, next, { retire: [active] });
const wentOn = linked(went, next, { add: { later }, retire: [reserve] });

describe('the chain of keys', () => {
  it('brings a key that a pinned one vouches for, and retires an old one by the new', () => {
    expect(trusted(follow(came))).toEqual(['active', 'reserve', 'next']);
    expect(trusted(follow(went))).toEqual(['reserve', 'next']);
  });

  it('takes a box that was off for a year through all that happened meanwhile', () => {
    expect(trusted(follow(wentOn))).toEqual(['next', 'later']);
    expect(follow(wentOn)).toMatchObject({ number: 3 });
  });

  it('goes on where the box was, and notes with which release each key came and went', () => {
    const first = followLinks(noLinks, pinned, came, 1550190683);
    const second = followLinks(first, pinned, wentOn, 1550199999);
    expect(second.added).toMatchObject([
      { name: 'next', release: 1550190683 },
      { name: 'later', release: 1550199999 },
    ]);
    expect(second.retired.map(({ release }) => release)).toEqual([1550199999, 1550199999]);
    expect(trusted(second)).toEqual(['next', 'later']);
    expect(parse(trustSchema, JSON.parse(JSON.stringify(second)))).toEqual(second);
  });

  it('finds nothing to do in a chain that was followed, or in a shorter one', () => {
    const trust = follow(went);
    expect(follow(went, trust)).toBe(trust);
    expect(follow(came, trust)).toBe(trust);
    expect(follow([], trust)).toBe(trust);
  });

  it('lets a new box, which pins only the newest keys, begin at the first link that they signed', () => {
    const keys = [next.publicKey];
    expect(trusted(followLinks(noLinks, keys, wentOn, 1), keys)).toEqual(['next', 'later']);
    const untouched = followLinks(noLinks, [later.publicKey], wentOn, 1);
    expect(untouched).toBe(noLinks);
  });

  it('keeps a key that somebody had pinned by hand before it came, and does not list it twice', () => {
    const keys = [...pinned, next.publicKey];
    expect(trusted(followLinks(noLinks, keys, came, 1), keys)).toEqual(['active', 'reserve', 'next']);
  });

  it('is the same chain after it was written and read', () => {
    expect(parseKeyChain(Buffer.from(formatKeyChain(wentOn)))).toEqual(wentOn);
  });
});

describe('a chain is not followed', () => {
  const hostile: Record<string, [readonly Link[], Trust?]> = {
    'when a retired key signs the next link': [linked(went, active, { add: { stranger } })],
    'when a stranger signs the next link': [linked(came, stranger, { add: { stranger } })],
    'when a retired key signs, also after the box has long followed its end': [
      linked(went, active, { add: { stranger } }),
      follow(went),
    ],
    'when a link is left out': [[came[0]!, wentOn[2]!]],
    'when its first link is left out': [went.slice(1)],
    'when a link has the number of another one': [linked(came, next, { retire: [active] }, { number: 3 })],
    'when two links have changed places': [[went[1]!, went[0]!]],
    'when a link names another one before it': [linked(came, next, {}, { previous: 'ab'.repeat(32) })],
    'when it forks from what the box has followed': [linked([], active, { add: { stranger } }), follow(came)],
    'when a link was changed after it was signed': [
      [{ ...came[0]!, statement: came[0]!.statement.replace('"next"', '"evil"') }, went[1]!],
    ],
    'when it would leave no key': [linked(came, next, { retire: [active, reserve, next] })],
    'when it brings back a key that was retired': [linked(went, next, { add: { old: active } })],
    'when it retires and brings the last key in one link': [
      linked(came, next, { add: { same: next }, retire: [active, reserve, next] }),
    ],
    'when a signature is no base64': [[came[0]!, { ...went[1]!, signature: '!!!' }]],
  };
  for (const [title, [links, trust]] of Object.entries(hostile)) {
    it(title, () => {
      expect(refused(links, trust)).toMatch(/^(KEYS_REFUSED|SIGNATURE_INVALID)$/);
    });
  }

  it('and brings nothing when a stranger made all of it', () => {
    expect(follow(linked([], stranger, { add: { stranger } }))).toBe(noLinks);
    expect(follow(linked(linked([], stranger, { add: { stranger } }), stranger, { retire: [active] }))).toBe(noLinks);
  });

  it('when a link brings a key that no box could use', () => {
    const links = linked([], active, {}, { add: [{ name: 'weak', pem: 'no key' }] });
    expect(refused(links)).toBe('KEY_INVALID');
  });

  const endless = (count: number, by: Pair) => {
    let links: Link[] = [];
    for (let n = 0; n < count; n++) links = linked(links, by, {});
    return links;
  };
  const files: Record<string, string> = {
    'has no end': `{"format":1,"links":${JSON.stringify(endless(129, active))}}`,
    'is no JSON': '{"format":1,"links":[',
    'is a web page': '<html></html>',
    'is of a later format': '{"format":2,"links":[]}',
    'has more in it than a chain': '{"format":1,"links":[],"more":1}',
    'has links that are none': '{"format":1,"links":[1]}',
  };
  for (const [title, text] of Object.entries(files)) {
    it(`from a file that ${title}`, () => {
      expect(errorOf(() => parseKeyChain(Buffer.from(text)))).toBe('KEYS_REFUSED');
    });
  }

  it('into a file that boxes would not read', () => {
    const long = linked(
      [],
      active,
      {},
      { add: Array.from({ length: 8 }, () => ({ name: 'a', pem: 'x'.repeat(4096) })) },
    );
    expect(errorOf(() => formatKeyChain(Array.from({ length: 9 }, () => long[0]!)))).toBe('KEYS_REFUSED');
    expect(formatKeyChain(endless(20, active)).length).toBeLessThan(maxKeyChainBytes);
  });
});
