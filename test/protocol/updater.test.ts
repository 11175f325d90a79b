import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isNewerUpdater, updaterText, updaterVersionPattern } from '../../protocol/updater.ts';

const inOrder = [
  '0.0.0',
  '0.0.1-alpha',
  '0.0.1',
  '0.9.0',
  '0.10.0',
  '1.0.0-beta.2',
  '1.0.0-rc',
  '1.0.0-rc.0',
  '1.0.0-rc.9',
  '1.0.0-rc.10',
  '1.0.0',
  '1.0.999999',
  '2.0.0',
];

it('knows which version of the updater is newer, and no version is newer than itself', () => {
  for (const [n, a] of inOrder.entries()) {
    for (const [m, b] of inOrder.entries()) expect(isNewerUpdater(a, b), `${a} ${b}`).toBe(n > m);
  }
});

it('takes what is no version for the oldest', () => {
  expect(isNewerUpdater('0.0.0', 'unknown')).toBe(true);
  expect(isNewerUpdater('unknown', '0.0.0')).toBe(false);
});

it('compares as dpkg does, with ~ for the dash, so that the package and a release agree', () => {
  const small = fc.nat(12);
  const version = fc
    .tuple(small, small, small, fc.constantFrom('', '-a', '-b', '-rc', '-rc.0', '-rc.2', '-rc.10'))
    .map(([major, minor, patch, tail]) => `${major}.${minor}.${patch}${tail}`);
  const dpkg = (a: string, b: string) => spawnSync('dpkg', ['--compare-versions', a, 'gt', b]).status === 0;
  fc.assert(
    fc.property(version, version, (a, b) => {
      expect(a).toMatch(updaterVersionPattern);
      expect(isNewerUpdater(a, b)).toBe(dpkg(a.replace('-', '~'), b.replace('-', '~')));
    }),
    { numRuns: 60 },
  );
});

it('says which copy runs', () => {
  expect(updaterText('1.2.0', '/usr/lib/opq-box-updater/opq-updater.js')).toBe(
    '1.2.0 (factory copy, /usr/lib/opq-box-updater)',
  );
  expect(updaterText('1.3.0', '/opt/opq-updater/1.3.0/opq-updater.js')).toBe('1.3.0 (/opt/opq-updater/1.3.0)');
});
