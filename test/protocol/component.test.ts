import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareVersions, componentDigest, isNewerComponent, type TreeRow } from '../../protocol/component.ts';
import { errorOf } from '../support/error-of.ts';

describe('Of two versions of a component the newer one is', () => {
  it.each([
    ['1.10', '1.9'],
    ['1.0.1', '1.0'],
    ['1.0a', '1.0'],
    ['1.0', '1.0~rc1'],
    ['1.0~rc2', '1.0~rc1'],
    ['2019-02-15', '2018-12-31'],
    ['2', '1.999'],
    ['1.0+b', '1.0b'],
    ['99999999999999999999.1', '99999999999999999998.9'],
  ])('%s, not %s', (newer, older) => {
    expect(isNewerComponent(newer, older)).toBe(true);
    expect(isNewerComponent(older, newer)).toBe(false);
    expect(isNewerComponent(newer, newer)).toBe(false);
  });

  it('the same from both sides, whatever they are', () => {
    const version = fc.stringMatching(/^[0-9a-z.~+-]{1,12}$/);
    fc.assert(
      fc.property(version, version, (a, b) => Math.sign(compareVersions(a, b)) === -Math.sign(compareVersions(b, a))),
    );
  });
});

const row = (name: string, more: Partial<TreeRow> = {}): TreeRow => ({
  kind: 'file',
  name,
  mode: 0o644,
  sizeBytes: 3,
  sha256: 'a'.repeat(64),
  ...more,
});

describe('The digest of a component', () => {
  const rows = [row('b'), row('a', { mode: 0o755 }), row('etc', { kind: 'folder', mode: 0o755 })];

  it('does not depend on the order in which its files are read', () => {
    expect(componentDigest([...rows].reverse())).toBe(componentDigest(rows));
  });

  it.each([
    ['a file more', [...rows, row('c')]],
    ['a file less', rows.slice(1)],
    ['another name', [row('B'), ...rows.slice(1)]],
    ['another content', [row('b', { sha256: 'b'.repeat(64) }), ...rows.slice(1)]],
    ['another size', [row('b', { sizeBytes: 4 }), ...rows.slice(1)]],
    ['a file that may be run', [row('b', { mode: 0o755 }), ...rows.slice(1)]],
    ['a folder in place of a file', [row('b', { kind: 'folder' }), ...rows.slice(1)]],
  ])('is another with %s', (_, changed) => expect(componentDigest(changed)).not.toBe(componentDigest(rows)));

  it('refuses a name that would write a line of its own', () => {
    expect(errorOf(() => componentDigest([row('a\nfolder b')]))).toBe('ARCHIVE_REFUSED');
  });
});
