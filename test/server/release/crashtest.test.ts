import { describe, expect, it } from 'vitest';
import { lookAt } from '../../support/whole-tree.ts';
import { release } from './program.ts';
import { boxTree, document, mayRehearse, packageOf } from './rehearsal.ts';

const crashtest = (lines: readonly string[], ...more: string[]) => document(['crashtest', packageOf(lines), ...more]);

/** What is found, as `KIND after LINE`, with the first path or reason. */
const found = ({ unsafe }: { unsafe: { kind: string; after: { line: number | null }; what: string[] }[] }) =>
  unsafe.map(({ kind, after, what }) => [`${kind} after line ${after.line}`, what[0]]);

const safe = [
  '# comment',
  'rm -rf /usr/local/box-config-daemon/*',
  'copy() { cp "$1" "$2"; }',
  'for name in a b; do (echo $name | cat >/etc/opq/$name); done',
  'if [ -e /etc/opq/box.json ]; then echo $(cat VERSION) >/etc/opq/box.json; fi',
  'date +%s >/etc/opq/when',
  'sudo systemctl enable box-config-daemon',
  'copy VERSION /usr/local/box-config-daemon/VERSION',
];

// Dozens of runs in namespaces, on a machine that may be busy.
describe.skipIf(!mayRehearse)('opq-release crashtest', { timeout: 600_000 }, () => {
  it('finds nothing in a script that writes where it may, and the same whenever it runs', () => {
    const told = crashtest(safe);
    expect(told).toMatchObject({ exit: 0, safe: true, unsafe: [], refused: [], varying: ['/etc/opq/when'] });
    expect(told.stops).toHaveLength(told.points);
    expect(told.stops[0]).toMatchObject({ step: 1, line: 2, command: 'set -e' });
    expect(told.stops.at(-1)).toMatchObject({ step: told.points, line: null, not_undone: [], again: null });
    const lines = told.stops.map(({ line }: { line: number }) => line);
    for (const line of [4, 6, 7, 8, 9]) expect(lines).toContain(line);
  });

  it.each([
    ['a folder removed that an undo does not cover', ['rm -rf /opt/old'], ['not undone after line 3', '/opt/old']],
    [
      'a line added to a file',
      ['echo x >>/etc/opq/log'],
      ['not repeatable after line 3', '/etc/opq/log: other than what an uninterrupted run leaves'],
    ],
    [
      'a file moved',
      ['mv /etc/opq/a /etc/opq/b'],
      ['not repeatable after line 3', expect.stringContaining('it ends with 1: mv:')],
    ],
    ['a file written outside', ['echo x >/usr/local/bin/opq'], ['not undone after line 3', '/usr/local/bin/opq']],
    [
      'a change outside that the script takes back',
      ['mv /opt/old /opt/x', 'mv /opt/x /opt/old'],
      ['not undone after line 3', '/opt/old'],
    ],
  ])('names the line of %s', (_, lines, expected) => {
    const box = boxTree({ 'opt/old/file': 'x', 'etc/opq/a': 'a', 'usr/local/bin/tool': '' });
    const before = lookAt(box, ['.']);
    const told = crashtest([...lines, 'cp VERSION /usr/local/box-config-daemon/VERSION'], '--root', box);
    expect([told.exit, told.safe]).toEqual([6, false]);
    expect(found(told)).toContainEqual(expected);
    expect(lookAt(box, ['.'])).toEqual(before);
  });

  it('refuses a reboot before the end, and takes one as the last command', () => {
    const setsVersion = 'cp VERSION /usr/local/box-config-daemon/VERSION';
    const refused = (...lines: string[]) => {
      const told = crashtest(lines);
      return [told.exit, ...told.refused.map(({ code }: { code: string }) => code)];
    };
    expect(refused('/sbin/reboot', setsVersion)).toEqual([6, 'SCRIPT_SHUT_DOWN']);
    expect(refused(setsVersion, 'sudo systemctl reboot')).toEqual([0]);
  });

  it('stops as often as it is told, from the first command to the end', () => {
    const lines = Array.from({ length: 12 }, (_, n) => `echo ${n} >/etc/opq/${n}`);
    const told = crashtest(lines, '--max-stops', '4');
    expect(told.points).toBe(14);
    expect(told.stops.map(({ step }: { step: number }) => step)).toEqual([1, 5, 10, 14]);
    const { stdout } = release(['crashtest', packageOf(lines), '--max-stops', '4']);
    expect(stdout).toContain('of 14 points');
    expect(release(['crashtest', packageOf(lines), '--max-stops', '0']).code).toBe('USAGE');
  });

  it('says when the script fails even undisturbed', () => {
    const { exit, code, stderr } = release(['crashtest', packageOf(['echo the reason', 'exit 3'])]);
    expect([exit, code]).toEqual([6, 'INSTALL_SCRIPT_FAILED']);
    expect(stderr).toContain('the reason');
    expect(stderr).toMatch(/after line \d+: exit 3/);
  });
});
