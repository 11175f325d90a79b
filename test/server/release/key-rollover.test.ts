import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { followLinks, noLinks, parseKeyChain, trustedKeys } from '../../../protocol/key-chain.ts';
import { parsePublicKey } from '../../../protocol/keys.ts';
import { desk, newVersion, oldVersion, release, releaseJson } from './program.ts';

/** A desk with the active key, a reserve and one that is to come. */
function deskWithKeys() {
  const made = desk();
  const chain = made.at('keys.json');
  for (const name of ['reserve', 'next', 'stranger']) releaseJson(['keygen', made.at(name)]);
  const publicKey = (name: string) => made.at(name, 'public_key.pem');
  const pinned = ['--pinned', publicKey('keys'), '--pinned', publicKey('reserve')];
  const fingerprint = (name: string) => parsePublicKey(readFileSync(publicKey(name), 'utf8')).fingerprint;
  const publish = (path: string, by: string) =>
    release(['publish', path, '--to', made.updates, '--key', made.at(by, 'private_key.pem'), '--new-key']);
  return {
    ...made,
    chain,
    publicKey,
    fingerprint,
    rollover: (by: string, ...change: string[]) =>
      release(['key-rollover', chain, '--key', made.at(by, 'private_key.pem'), ...pinned, ...change, '--json']),
    come: () => ['--add', `next=${publicKey('next')}`],
    go: (name: string) => ['--retire', publicKey(name)],
    build(version: number, ...more: string[]): string {
      const content = made.at('content');
      made.build(oldVersion - 1); // its content serves for all
      return releaseJson([
        ...['build', `${content}-${oldVersion - 1}`, '--out', made.at('packages'), '--version', String(version)],
        ...more,
      ]).package;
    },
    publishBy: publish,
  };
}

describe('opq-release key-rollover', () => {
  it('makes a chain that a box follows from the first keys to the last', () => {
    const { rollover, come, go, chain, publicKey, fingerprint } = deskWithKeys();
    expect(JSON.parse(rollover('keys', ...come()).stdout)).toMatchObject({ link: 1 });
    const { stdout } = rollover('next', ...go('keys'));
    expect(JSON.parse(stdout)).toMatchObject({
      link: 2,
      retired: [fingerprint('keys')],
      trusted: [fingerprint('reserve'), fingerprint('next')],
    });
    const pinned = [parsePublicKey(readFileSync(publicKey('keys'), 'utf8'))];
    const trust = followLinks(noLinks, pinned, parseKeyChain(readFileSync(chain)), oldVersion);
    expect(trustedKeys(trust, pinned).map((key) => key.fingerprint)).toEqual([fingerprint('next')]);
  });

  it('retires a key by its fingerprint when its file is lost', () => {
    const { rollover, fingerprint } = deskWithKeys();
    expect(rollover('reserve', '--retire', fingerprint('keys')).exit).toBe(0);
  });

  const refusals: [string, (d: ReturnType<typeof deskWithKeys>) => { code: string | undefined }, string][] = [
    ['a key that boxes do not trust', (d) => d.rollover('stranger', ...d.come()), 'KEYS_REFUSED'],
    ['a key that is to come, before it came', (d) => d.rollover('next', ...d.come()), 'KEYS_REFUSED'],
    ['the retirement of all keys', (d) => d.rollover('keys', ...d.go('keys'), ...d.go('reserve')), 'KEYS_REFUSED'],
    ['the retirement of a key that nobody trusts', (d) => d.rollover('keys', ...d.go('stranger')), 'NOT_FOUND'],
    ['a change of nothing', (d) => d.rollover('keys'), 'USAGE'],
    ['a key without a name', (d) => d.rollover('keys', '--add', d.publicKey('next')), 'USAGE'],
    ['a private key', (d) => d.rollover('keys', '--add', `next=${d.at('next/private_key.pem')}`), 'KEY_INVALID'],
    [
      'a key that was retired',
      (d) => {
        d.rollover('reserve', ...d.go('keys'));
        return d.rollover('keys', ...d.come());
      },
      'KEYS_REFUSED',
    ],
    [
      'a key that comes back',
      (d) => {
        d.rollover('reserve', ...d.go('keys'));
        return d.rollover('reserve', '--add', `old=${d.publicKey('keys')}`);
      },
      'KEYS_REFUSED',
    ],
  ];
  it.each(refusals)('refuses %s, and leaves the chain as it was', (_, attempt, code) => {
    const made = deskWithKeys();
    expect(attempt(made).code).toBe(code);
  });
});

describe('a release that carries a chain of keys', () => {
  it('has it in its update.json and, once it is published, beside the releases', () => {
    const { rollover, come, chain, build, publishBy, updates } = deskWithKeys();
    rollover('keys', ...come());
    const path = build(oldVersion, '--keys', chain);
    expect(publishBy(path, 'keys').exit).toBe(0);
    expect(readFileSync(join(updates, 'keys.json'))).toEqual(readFileSync(chain));
  });

  it('is the only kind that is published after one, as boxes that skip a release need the whole chain', () => {
    const { rollover, come, chain, build, publishBy, updates } = deskWithKeys();
    rollover('keys', ...come());
    publishBy(build(oldVersion, '--keys', chain), 'keys');
    const without = publishBy(build(newVersion), 'keys');
    expect(without.code).toBe('USAGE');
    expect(readFileSync(join(updates, 'version.json'), 'utf8')).toContain(String(oldVersion));
    expect(publishBy(build(newVersion + 1, '--keys', chain), 'next').exit).toBe(0);
  });

  it('is not published with the signature of a key that its chain retires', () => {
    const { rollover, go, chain, build, publishBy } = deskWithKeys();
    rollover('reserve', ...go('keys'));
    const path = build(oldVersion, '--keys', chain);
    expect(publishBy(path, 'keys').code).toBe('USAGE');
    expect(publishBy(path, 'reserve').exit).toBe(0);
  });

  it('is not built from a file that is no chain', () => {
    const { at, publicKey } = deskWithKeys();
    const made = desk();
    made.build(oldVersion);
    const args = ['build', made.at(`content-${oldVersion}`), '--out', at('p'), '--keys', publicKey('next')];
    expect(release(args).code).toBe('KEYS_REFUSED');
  });
});
