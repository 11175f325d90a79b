import { execFileSync } from 'node:child_process';
import { cpSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lookAt } from '../../support/whole-tree.ts';
import { nameOf, newVersion, programPath, release, tempFolder, writeTree } from './program.ts';
import { boxTree, document, mayRehearse, packageOf } from './rehearsal.ts';

const dryRun = (path: string, box: string) => document(['dry-run', path, '--root', box]);
const setsVersion = 'cp VERSION /usr/local/box-config-daemon/VERSION';

// Dozens of runs in namespaces, on a machine that may be busy.
describe.skipIf(!mayRehearse)('opq-release dry-run', { timeout: 600_000 }, () => {
  it('lists what is really different after an installation, and changes nothing of the box', () => {
    const lines = [
      'r=$' + '{OPQ_BOX_ROOT:-}',
      'rm -rf $r/usr/local/box-config-daemon/*',
      'cp -R part/. VERSION $r/usr/local/box-config-daemon/',
      'rm -rf $r/etc/opq/old; mkdir $r/etc/opq/old; echo new >$r/etc/opq/old/new',
      'echo "{ }" >$r/etc/opq/box.json; chmod 600 $r/etc/opq/mode; touch $r/etc/opq/same',
      'ln -s box.json $r/etc/opq/link; mv $r/etc/opq/a $r/etc/opq/b',
    ];
    const part = { 'part/run.sh': '#!/bin/sh\n', 'part/deep/er/file': 'x'.repeat(5000) };
    const names = ['old/gone', 'old/deep/gone', 'mode', 'same', 'a'].map((name) => [`etc/opq/${name}`, name]);
    const box = boxTree({ ...Object.fromEntries(names), 'usr/local/box-config-daemon/old.sh': '#!/bin/sh\n' });
    mkdirSync(join(box, 'etc/systemd/system'), { recursive: true });
    const path = packageOf(lines, part);
    const before = lookAt(box, ['.']);
    const { exit, changes, would_hold, version_after } = dryRun(path, box);
    expect([exit, would_hold, version_after]).toEqual([0, true, newVersion]);
    expect(lookAt(box, ['.'])).toEqual(before);

    const installed = tempFolder();
    cpSync(box, installed, { recursive: true });
    execFileSync('tar', ['-xjf', path, '-C', installed, '--one-top-level=unpacked', '--strip-components=1']);
    const cwd = join(installed, 'unpacked');
    execFileSync('bash', ['./install_update.sh'], { cwd, env: { PATH: process.env.PATH, OPQ_BOX_ROOT: installed } });
    execFileSync('rm', ['-r', cwd]);
    expect(
      changes.map(({ path, kind, what, bytes, bytes_before }: Record<string, unknown>) => [
        path,
        kind,
        what,
        bytes,
        bytes_before,
      ]),
    ).toEqual(differences(box, installed));
  });

  it('names what lies outside of what the box lets a script write, by its configuration and the package', () => {
    const lines = ['mkdir -p /srv/a /srv/b', 'echo 1 >/srv/a/1', 'echo 2 >/srv/b/2', 'echo 3 >/etc/hosts', setsVersion];
    const config = { writable_paths: ['/usr/local/box-config-daemon', '/srv/a'] };
    const box = boxTree({ 'etc/opq/updater_config.json': JSON.stringify(config), 'etc/hosts': 'old\n' });
    const outside = (files: Record<string, string>) => {
      const { exit, changes, reasons } = dryRun(packageOf(lines, files), box);
      const paths = changes.filter((one: { outside: boolean }) => one.outside).map((one: { path: string }) => one.path);
      return { exit, paths, codes: reasons.map(({ code }: { code: string }) => code) };
    };
    expect(outside({})).toEqual({ exit: 6, paths: ['/etc/hosts', '/srv/b', '/srv/b/2'], codes: ['WRITE_FAILED'] });
    expect(outside({ 'update.json': '{"writable_paths": ["/srv/b"]}' }).paths).toEqual(['/etc/hosts']);
  });

  it.each([
    ['leaves VERSION alone, as the box writes it then', [0], 'true'],
    ['leaves another VERSION', [6, 'WRONG_VERSION_INSTALLED'], 'echo 7 >/usr/local/box-config-daemon/VERSION'],
    ['fails', [6, 'INSTALL_SCRIPT_FAILED'], 'false'],
    ['removes a writable folder, which is a mount of its own', [6, 'INSTALL_SCRIPT_FAILED'], 'rm -rf /etc/opq'],
    ['switches the box off', [6, 'SCRIPT_SHUT_DOWN'], '/sbin/poweroff'],
    ["writes the updater's configuration", [6, 'WRITE_FAILED'], 'echo {} >/etc/opq/updater_config.json'],
    ['masks the updater', [6, 'UPDATER_TAMPERED'], 'sudo -n systemctl mask opq-updater.service'],
    ['makes the root writable', [4, 'PATH_NOT_UNDOABLE'], 'mount -o remount,rw /'],
  ])('says what a box does with a script that %s', (_, expected, line) => {
    const { exit, reasons } = dryRun(packageOf([line]), boxTree());
    expect([exit, ...reasons.map(({ code }: { code: string }) => code)]).toEqual(expected);
  });

  it.each([
    ['goes well', 'true', true],
    ['fails', 'false', false],
  ])('says that the box writes VERSION only where a script that left it alone %s', (_, line, writes) => {
    const { stdout } = release(['dry-run', packageOf([line]), '--root', boxTree()]);
    expect(/^VERSION .*the box writes it$/m.test(stdout)).toBe(writes);
  });

  it('ends when the script takes longer than the box lets it, with all that it started', () => {
    const box = boxTree({ 'etc/opq/updater_config.json': '{"script_timeout_s": 2}' });
    const mark = `sleep 3${process.pid}.5`;
    expect(dryRun(packageOf([`setsid ${mark} &`, 'sleep 1000']), box).reasons[0].code).toBe('INSTALL_TIMED_OUT');
    expect(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })).not.toContain(mark);
  });

  it('keeps the script away from this machine', () => {
    const folder = tempFolder();
    const file = join(writeTree(folder, { kept: 'kept' }), 'kept');
    const box = boxTree();
    symlinkOut(box, folder);
    const lines = [
      'never() { if "$@"; then echo "could: $*"; exit 40; fi; }',
      `never rm ${file}`,
      `never cat ${programPath}`,
      'never rm /srv/out/kept',
      'never sh -c "echo 1 >/proc/sys/vm/drop_caches"',
      'never chroot / true',
      'never /usr/bin/unshare --user true',
      'never rm /dev/opq-release/calls',
      'never touch /dev/made',
      'never mv /usr/bin /usr/bin2',
      // Its shell and what counts here: no process of this machine is seen, and no route leads out.
      '[ "$(ls /proc | grep -c "^[0-9]")" -lt 12 ]',
      '[ "$(grep -c . /proc/net/route)" -le 1 ]',
      setsVersion,
    ];
    expect(dryRun(packageOf(lines), box)).toMatchObject({ exit: 0, reasons: [] });
    expect(readFileSync(file, 'utf8')).toBe('kept');
  });

  it('reads the package as a box does before anything of it runs', () => {
    const path = join(tempFolder(), nameOf(newVersion));
    writeFileSync(path, '<html>Log in</html>');
    const { exit, code } = release(['dry-run', path, '--root', boxTree()]);
    expect([exit, code]).toEqual([4, 'ARCHIVE_CORRUPT']);
  });

  it('takes no box that it could write to, none that is misconfigured, and none whose paths lead elsewhere', () => {
    const path = packageOf([setsVersion]);
    const ends = (box: string) => {
      const { exit, code } = release(['dry-run', path, '--root', box]);
      return [exit, code];
    };
    expect(ends('/')).toEqual([2, 'USAGE']);
    expect(ends(join(boxTree(), 'nothing'))).toEqual([2, 'NOT_FOUND']);
    expect(ends(boxTree({ 'etc/opq/updater_config.json': '{"services": 1}' }))).toEqual([2, 'CONFIG_INVALID']);
    expect(ends(boxTree({ 'etc/opq/updater_config.json': '{"writable_paths": ["/etc"]}' }))).toEqual([
      4,
      'PATH_NOT_UNDOABLE',
    ]);
    const box = boxTree();
    execFileSync('sh', ['-c', 'mv etc/opq etc/opq2 && ln -s opq2 etc/opq'], { cwd: box });
    expect(ends(box)).toEqual([4, 'PATH_NOT_UNDOABLE']);
  });

  it('says what is missing where no namespace is allowed, and runs nothing', () => {
    const path = packageOf([setsVersion]);
    const none = 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"';
    const args = ['--user', '--map-root-user', 'sh', '-c', none, 'sh', process.execPath, programPath];
    expect(() => execFileSync('unshare', [...args, 'dry-run', path, '--root', boxTree()], { stdio: 'pipe' })).toThrow(
      /NOT_PERMITTED .*user namespace/,
    );
  });
});

/** A link that leads out of the tree, for whoever follows it. */
function symlinkOut(box: string, folder: string): void {
  mkdirSync(join(box, 'srv'));
  execFileSync('ln', ['-s', folder, join(box, 'srv/out')]);
}

/** The same list, made by comparing two whole trees. */
function differences(before: string, after: string): unknown[] {
  const look = (root: string, path: string) => {
    const stat = lstatSync(join(root, path), { throwIfNoEntry: false });
    if (!stat) return undefined;
    const what = stat.isFile() ? 'file' : stat.isDirectory() ? 'folder' : 'link';
    const content = stat.isFile() ? readFileSync(join(root, path), 'latin1') : '';
    return { what, bytes: content.length, all: [what, stat.mode, content].join(' ') };
  };
  const names = (root: string) => readdirSync(root, { recursive: true, encoding: 'utf8' });
  const all = [...new Set([...names(before), ...names(after)])].sort();
  return all.flatMap((path) => {
    const [was, is] = [look(before, path), look(after, path)];
    if (was?.all === is?.all) return [];
    const kind = was === undefined ? 'added' : is === undefined ? 'removed' : 'changed';
    return [[`/${path}`, kind, (is ?? was)!.what, is?.bytes ?? 0, was?.bytes ?? 0]];
  });
}
