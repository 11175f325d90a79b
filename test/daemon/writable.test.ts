import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { refuseDetours, undoablePaths } from '../../daemon/writable.ts';
import { judgeConfig } from '../../protocol/config.ts';
import { codeOf, errorOf } from '../support/error-of.ts';

const configWith = (more: object = {}) => judgeConfig({ server_url: 'http://updates.example/', ...more }).values;

it('are the configured folders and what the release asks for, sorted, each once', () => {
  expect(undoablePaths(configWith(), [])).toEqual(['/etc/opq', '/etc/systemd/system', '/usr/local/box-config-daemon']);
  expect(undoablePaths(configWith({ writable_paths: ['/srv/b/', '/srv/a'] }), ['/srv/b', '/srv/c'])).toEqual([
    '/srv/a',
    '/srv/b',
    '/srv/c',
  ]);
});

it('leave out a folder inside another, which is copied with it', () => {
  expect(undoablePaths(configWith({ writable_paths: ['/srv/a/b'] }), ['/srv/a', '/srv/a/b/c', '/srv/ab'])).toEqual([
    '/srv/a',
    '/srv/ab',
  ]);
});

const forbidden = [
  ...[
    '/',
    '/usr',
    '/usr/local',
    '/usr/lib',
    '/etc',
    '/var',
    '/var/lib',
    '/lib',
    '/bin',
    '/sbin',
    '/home',
    '/root',
    '/opt',
  ],
  ...[
    '/boot',
    '/boot/firmware',
    '/boot2',
    '/lib/modules',
    '/lib/modules/6.1',
    '/usr/lib/modules',
    '/var/lib/dpkg/info',
  ],
  ...['/bin', '/sbin/x', '/lib64', '/usr/bin', '/usr/bin/x', '/usr/sbin', '/usr/lib64'],
  ...['/usr/lib/systemd', '/usr/lib/systemd/system', '/usr/lib/systemd/system/sysinit.target.wants'],
  ...['/usr/lib/aarch64-linux-gnu', '/usr/lib/arm-linux-gnueabihf/x', '/usr/lib/x86_64-linux-gnu'],
  ...['/proc/self', '/sys', '/dev/shm', '/run/lock'],
  ...['/var/lib/opq-updater', '/var/lib/opq-updater/trial', '/etc/opq-updater', '/etc/opq-updater/keys/a'],
  ...['/var/opq', '/var/opq/updater', '/var/opq/updater/x', '/usr/lib/opq-box-updater'],
];
describe.each(forbidden)('%s', (path) => {
  it('is refused, whoever asks for it', () => {
    expect(errorOf(() => undoablePaths(configWith(), [path]))).toBe('PATH_NOT_UNDOABLE');
    // The configuration itself does not take "/".
    const configured = { ...configWith(), writable_paths: [path] };
    expect(errorOf(() => undoablePaths(configured, []))).toBe('PATH_NOT_UNDOABLE');
  });
});

it('may be of other programs beside those of the system', () => {
  const asked = ['/usr/lib/opq', '/usr/lib/python3', '/usr/libexec/opq', '/usr/local/bin', '/usr/share/opq'];
  expect(undoablePaths(configWith({ writable_paths: ['/etc/opq'] }), asked)).toEqual(['/etc/opq', ...asked]);
});

it('never are the folders that the updater itself needs, wherever those are configured to be', () => {
  const config = configWith({ download_dir_path: '/srv/downloads/', trusted_keys_path: '/srv/trust/keys' });
  for (const path of ['/srv', '/srv/downloads', '/srv/downloads/x', '/srv/trust', '/srv/trust/keys']) {
    expect(errorOf(() => undoablePaths(config, [path]))).toBe('PATH_NOT_UNDOABLE');
  }
  expect(undoablePaths(config, ['/srv/downloads2'])).toContain('/srv/downloads2');
});

it('are, whatever is asked for, apart from each other and from all that is forbidden', () => {
  const part = fc.constantFrom(
    'usr',
    'lib',
    'etc',
    'opq',
    'boot',
    'var',
    'local',
    'a',
    'b',
    'dpkg',
    'opq-updater',
    'modules',
  );
  const path = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => `/${parts.join('/')}`);
  const within = (a: string, b: string) => a === b || a.startsWith(b === '/' ? '/' : `${b}/`);
  const untouchable = ['/lib/modules', '/usr/lib/modules', '/var/lib/dpkg', '/var/lib/opq-updater', '/etc/opq-updater'];
  fc.assert(
    fc.property(
      fc.array(path, { minLength: 1, maxLength: 6 }),
      fc.array(path, { maxLength: 4 }),
      (configured, asked) => {
        let paths: string[];
        try {
          paths = undoablePaths(configWith({ writable_paths: configured }), asked);
        } catch {
          return; // refused is fine
        }
        for (const wish of [...configured, ...asked]) expect(paths.some((all) => within(wish, all))).toBe(true);
        for (const one of paths) {
          expect(paths.filter((other) => other !== one && within(other, one))).toEqual([]);
          expect(untouchable.filter((other) => within(one, other) || within(other, one))).toEqual([]);
          expect(one).not.toMatch(/^\/(boot.*|usr|etc|var|lib)?$/);
        }
      },
    ),
    { numRuns: 500 },
  );
});

it('refuses a path that leads through a link to somewhere else', async () => {
  const root = await mkdtemp(join(tmpdir(), 'opq-'));
  onTestFinished(() => rm(root, { recursive: true }));
  await mkdir(join(root, 'run/box'), { recursive: true });
  await mkdir(join(root, 'etc/opq'), { recursive: true });
  await mkdir(join(root, 'var'));
  await symlink('/run', join(root, 'var/run'));
  await symlink('../run', join(root, 'etc/box'));
  await refuseDetours(root, ['/etc/opq', '/usr/local/not-there-yet']);
  expect(await codeOf(refuseDetours(root, ['/etc/opq', '/etc/box/box']))).toBe('PATH_NOT_UNDOABLE');
});
