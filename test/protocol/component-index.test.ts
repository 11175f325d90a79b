import { createHash, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  type Component,
  componentsOf,
  formatIndex,
  parseIndex,
  releasesOf,
  verifyIndex,
} from '../../protocol/component-index.ts';
import { parsePublicKey } from '../../protocol/keys.ts';
import { encodeSignature, signBytes } from '../../protocol/signature.ts';
import { errorOf } from '../support/error-of.ts';

const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const publisher = parsePublicKey(pair.publicKey.export({ type: 'spki', format: 'pem' }).toString());
const other = parsePublicKey(
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }).toString(),
);

const entry = (name: string, version: string, more: Partial<Component> = {}): Component => ({
  name,
  version,
  release: 1_550_190_683,
  hardware: ['rpi/3'],
  sha256: createHash('sha256').update(`${name} ${version}`).digest('hex'),
  size: 10,
  requires: [],
  conflicts: [],
  ...more,
});
const text = (...components: Component[]) => formatIndex({ format: 1, expires: 2_000_000_000, components });
const signed = (bytes: string) => encodeSignature(signBytes(Buffer.from(bytes), pair.privateKey));

describe('A component index', () => {
  const index = text(entry('triggering', '1.0'), entry('display', '2.1'));

  it('is taken when the pinned key signed it and its time has not come', () => {
    const verified = verifyIndex(Buffer.from(index), signed(index), [other, publisher], 1_999_999_999);
    expect(verified.components.map(({ name }) => name)).toEqual(['display', 'triggering']);
    expect(verified.signer.fingerprint).toBe(publisher.fingerprint);
  });

  it.each([
    ['another key signed it', () => verifyIndex(Buffer.from(index), signed(index), [other], 1), 'SIGNATURE_INVALID'],
    ['no key is pinned', () => verifyIndex(Buffer.from(index), signed(index), [], 1), 'SIGNATURE_INVALID'],
    [
      'a byte of it was changed',
      () => verifyIndex(Buffer.from(index.replace('2.1', '2.2')), signed(index), [publisher], 1),
      'SIGNATURE_INVALID',
    ],
    [
      'its time is over',
      () => verifyIndex(Buffer.from(index), signed(index), [publisher], 2_000_000_000),
      'INDEX_EXPIRED',
    ],
  ])('is refused when %s', (_, verify, code) => expect(errorOf(verify)).toBe(code));

  it.each([
    ['is not JSON', 'index'],
    ['has a key that nobody knows', index.replace('"format"', '"more": 1, "format"')],
    ['has a name for a shell', text(entry('a;reboot', '1'))],
    ['has a version that leaves its folder', text(entry('display', '../1'))],
    ['has a digest that was cut', text(entry('display', '1', { sha256: 'abc' }))],
    ['has no hardware', text(entry('display', '1', { hardware: [] }))],
    ['has a release that is none', text(entry('display', '1', { release: 1 }))],
  ])('is refused when it %s', (_, bytes) => {
    expect(errorOf(() => parseIndex(Buffer.from(bytes)))).toBe('COMPONENT_REFUSED');
  });

  it('is the same text in whatever order its components came', () => {
    const [a, b, c] = [entry('a', '1'), entry('b', '1'), entry('a', '2', { hardware: ['rpi/4', 'rpi/3'] })] as const;
    expect(text(c, b, a)).toBe(text(a, b, { ...c, hardware: ['rpi/3', 'rpi/4'] }));
  });
});

describe('A release has of each component', () => {
  const later = 1_560_000_000;
  const index = parseIndex(
    Buffer.from(
      text(
        entry('display', '1.9'),
        entry('display', '1.10'),
        entry('display', '2.0', { release: later }),
        entry('triggering', '1.0'),
        entry('kernel-module', '5.0', { hardware: ['rpi/4'] }),
      ),
    ),
  );
  const versions = (hardware: string, release: number) =>
    Object.fromEntries([...componentsOf(index, hardware, release)].map(([name, { version }]) => [name, version]));

  it('the newest that is not of a later release', () => {
    expect(versions('rpi/3', 1_550_190_683)).toEqual({ display: '1.10', triggering: '1.0' });
  });
  it('what earlier releases had and nothing newer replaced', () => {
    expect(versions('rpi/3', later)).toEqual({ display: '2.0', triggering: '1.0' });
  });
  it('none that is for other hardware', () => {
    expect(versions('rpi/4', later)).toEqual({ 'kernel-module': '5.0' });
    expect(releasesOf(index, 'rpi/4')).toEqual([1_550_190_683]);
    expect(releasesOf(index, 'rpi/3')).toEqual([1_550_190_683, later]);
  });
});
