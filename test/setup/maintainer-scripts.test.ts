import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildDeb, ownFolder, run } from './the-deb.ts';

let folder: string;
let deb: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'opq-scripts-test-'));
  deb = buildDeb(folder);
  run('dpkg-deb', ['-e', deb, join(folder, 'DEBIAN')]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A root folder with a database of dpkg; systemctl and systemd-sysusers only note what they are asked. */
function emptyRoot({ systemdRuns = true } = {}) {
  const top = ownFolder();
  const root = join(top, 'root');
  const calls = join(top, 'calls');
  const put = (path: string, text = '') => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const stub = (name: string, also = '') => {
    mkdirSync(join(top, 'bin'), { recursive: true });
    writeFileSync(join(top, 'bin', name), `#!/bin/sh\necho "${name} $*" >>"${calls}"\n${also}\n`);
    chmodSync(join(top, 'bin', name), 0o755);
  };
  put('var/lib/dpkg/status');
  put('var/lib/dpkg/info/format', '1\n');
  mkdirSync(join(root, 'var/lib/dpkg/updates'));
  mkdirSync(join(root, 'etc'));
  if (systemdRuns) mkdirSync(join(root, 'run/systemd/system'), { recursive: true });
  // What deb-systemd-invoke asks before it restarts a unit.
  stub('systemctl', 'case "$*" in *is-enabled*) echo enabled ;; esac');
  stub('systemd-sysusers');
  const env = { ...process.env, LC_ALL: 'C', PATH: `${join(top, 'bin')}:${process.env.PATH}` };

  return {
    at: (path: string) => join(root, path),
    has: (path: string) => lstatSync(join(root, path), { throwIfNoEntry: false }) !== undefined,
    put,
    /** What systemctl was asked since the last look, without the questions of deb-systemd-invoke. */
    asked(): string[] {
      const lines = existsSync(calls) ? readFileSync(calls, 'utf8').trimEnd().split('\n') : [];
      rmSync(calls, { force: true });
      return lines
        .filter((line) => line.startsWith('systemctl ') && !/ is-(enabled|active) /.test(line))
        .map((line) => line.replace('systemctl ', '').replace('--quiet --system ', ''));
    },
    dpkg(args: string[], more: Record<string, string> = {}) {
      const forced = ['script-chrootless', 'not-root', 'depends'].map((force) => `--force-${force}`);
      const all = [`--root=${root}`, '--log=/dev/null', ...forced, ...args];
      return spawnSync('dpkg', all, { env: { ...env, ...more }, encoding: 'utf8' });
    },
    /** Runs one of the scripts as dpkg would, with a shell of our choice. */
    script(shell: readonly string[], name: string, args: string[]) {
      const [program, ...words] = [...shell, join(folder, 'DEBIAN', name), ...args];
      return spawnSync(program!, words, {
        env: { ...env, DPKG_ROOT: root, DPKG_MAINTSCRIPT_PACKAGE: 'opq-box-updater' },
        encoding: 'utf8',
      });
    },
    unpack: () => execFileSync('dpkg-deb', ['-x', deb, root]),
  };
}

const started = [
  'daemon-reload',
  'start opq-updater-guard.service opq-updater-watch.timer',
  'start opq-updater-control.socket',
  'start opq-updater-page.socket',
  'start opq-updater-ui.socket',
  'restart opq-updater.service',
  'try-restart opq-updater-ui.service',
];
const enabled = 'etc/systemd/system/multi-user.target.wants/opq-updater.service';
const config = 'etc/opq/updater_config.json';
const journal = 'var/lib/opq-updater/journal.json';
const atStep = (step: string) =>
  JSON.stringify({ format: 1, bootId: 'b', tries: 1, at: { notes: '"step":"idle"', step } });

describe('dpkg', () => {
  it('installs, upgrades, removes and purges it, and nothing is left', () => {
    const box = emptyRoot();
    expect(box.dpkg(['-i', deb])).toMatchObject({ status: 0 });
    expect(box.asked()).toEqual(started);
    expect(box.has(enabled)).toBe(true);
    const sample = readFileSync(box.at('usr/share/opq-box-updater/updater_config.json.sample'), 'utf8');
    expect(readFileSync(box.at(config), 'utf8')).toBe(sample);

    box.put(config, '{"server_url":"http://updates.example/"}');
    expect(box.dpkg(['-i', deb])).toMatchObject({ status: 0 });
    expect(box.asked()).toEqual(started);
    expect(readFileSync(box.at(config), 'utf8')).toContain('updates.example');

    const kept = [
      'etc/opq-updater/keys/publisher.pem',
      journal,
      'var/opq/updater/p.tar.bz2',
      'var/log/opq/box_updater.log',
    ];
    const beside = ['etc/cron.d/opq-updater', 'etc/sysctl.d/60-opq-updater.conf', 'var/log/opq/box_updater.log.2.gz'];
    for (const path of [...kept, ...beside]) box.put(path, atStep('idle'));
    box.put('opt/opq-updater/9.0.0/opq-updater.js');
    box.put('etc/opq/box_config.json');
    expect(box.dpkg(['-r', 'opq-box-updater'])).toMatchObject({ status: 0 });
    expect(box.asked()[0]).toMatch(/^stop .*opq-updater-watch\.timer .*opq-updater\.service$/);
    for (const path of [...kept, config]) expect(box.has(path), path).toBe(true);
    expect(box.has('opt/opq-updater')).toBe(false);

    expect(box.dpkg(['-P', 'opq-box-updater'])).toMatchObject({ status: 0 });
    for (const path of [
      ...kept,
      ...beside,
      config,
      enabled,
      'etc/opq-updater',
      'var/lib/opq-updater',
      'var/opq/updater',
    ]) {
      expect(box.has(path), path).toBe(false);
    }
    // What is not ours stays.
    expect(box.has('etc/opq/box_config.json')).toBe(true);
  });

  it('leaves a configuration alone that was there before', () => {
    const box = emptyRoot();
    box.put(config, '{"server_url":"http://old.example/"}');
    expect(box.dpkg(['-i', deb])).toMatchObject({ status: 0 });
    expect(readFileSync(box.at(config), 'utf8')).toBe('{"server_url":"http://old.example/"}');
  });

  it('installs where systemd does not run: enabled, and nothing started', () => {
    const box = emptyRoot({ systemdRuns: false });
    expect(box.dpkg(['-i', deb])).toMatchObject({ status: 0 });
    expect(box.has(enabled)).toBe(true);
    expect(box.has(config)).toBe(true);
    expect(box.asked()).toEqual([]);
  });

  it('does not switch the daemon on again that the owner has switched off', () => {
    const box = emptyRoot();
    box.dpkg(['-i', deb]);
    rmSync(box.at(enabled));
    expect(box.dpkg(['-i', deb])).toMatchObject({ status: 0 });
    expect(box.has(enabled)).toBe(false);
  });

  it('does not remove the updater in the middle of an update, unless it is forced to', () => {
    const box = emptyRoot();
    box.dpkg(['-i', deb]);
    box.put('var/lib/opq-updater/trial/about');
    box.asked();
    const refused = box.dpkg(['-r', 'opq-box-updater']);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('an update is under way');
    expect(box.asked()).toEqual(['daemon-reload']);
    expect(box.has('usr/lib/opq-box-updater/guard.sh')).toBe(true);
    expect(box.dpkg(['-r', 'opq-box-updater'], { OPQ_UPDATER_FORCE: '1' })).toMatchObject({ status: 0 });
    expect(box.has('usr/lib/opq-box-updater/guard.sh')).toBe(false);
  });
});

const shells = [['dash'], ['busybox', 'sh']] as const;
describe.each(shells.map((shell) => ({ shell, name: shell.join(' ') })))('in $name', ({ shell }) => {
  const during = [
    ['on trial', (box: ReturnType<typeof emptyRoot>) => box.put('var/lib/opq-updater/trial/about')],
    ['downloading', (box: ReturnType<typeof emptyRoot>) => box.put(journal, atStep('download'))],
    ['stuck', (box: ReturnType<typeof emptyRoot>) => box.put(journal, atStep('stuck'))],
    ['with a journal that cannot be read', (box: ReturnType<typeof emptyRoot>) => box.put(journal, '\0\0')],
  ] as const;
  for (const [what, prepare] of during) {
    it(`postinst does not restart the daemon ${what}`, () => {
      const box = emptyRoot();
      box.unpack();
      prepare(box);
      expect(box.script(shell, 'postinst', ['configure', '0.0.9'])).toMatchObject({ status: 0 });
      expect(box.asked()).toEqual(['daemon-reload']);
      expect(box.has(enabled)).toBe(true);
    });
  }

  it('postinst restarts it at rest, and may be run again', () => {
    const box = emptyRoot();
    box.unpack();
    box.put(journal, atStep('idle'));
    for (const args of [['configure', ''], ['configure', '0.0.9'], ['abort-remove']]) {
      expect(box.script(shell, 'postinst', args)).toMatchObject({ status: 0, stderr: '' });
      expect(box.asked()).toEqual(started);
    }
  });

  it('prerm of an upgrade stops nothing', () => {
    const box = emptyRoot();
    expect(box.script(shell, 'prerm', ['upgrade', '9.9.9'])).toMatchObject({ status: 0 });
    expect(box.asked()).toEqual([]);
  });

  it('postrm removes nothing for an upgrade, and purges what is not there', () => {
    const box = emptyRoot();
    box.put(config);
    box.put('var/log/opq/others.log');
    expect(box.script(shell, 'postrm', ['upgrade', '9.9.9'])).toMatchObject({ status: 0 });
    expect(box.has(config)).toBe(true);
    for (const _ of [1, 2]) expect(box.script(shell, 'postrm', ['purge'])).toMatchObject({ status: 0, stderr: '' });
    // With the folder that was made for it; one with something of others in it stays.
    expect(box.has('etc/opq')).toBe(false);
    expect(box.has('var/log/opq/others.log')).toBe(true);
  });

  it('each refuses an argument that dpkg never gives', () => {
    const box = emptyRoot();
    for (const name of ['postinst', 'prerm', 'postrm']) {
      expect(box.script(shell, name, ['frobnicate']).status).toBe(1);
      expect(box.script(shell, name, []).status).toBe(1);
    }
  });
});

// Not in busybox, whose shell has a dpkg of its own.
it('postinst lets a newer self-update run on and takes an older one out of the way', () => {
  for (const [version, stays] of [
    ['0.0.9', false],
    ['999.0.0', true],
    ['999.0.0-rc.1', true],
  ] as const) {
    const box = emptyRoot();
    box.unpack();
    box.put(`opt/opq-updater/${version}/opq-updater.js`);
    symlinkSync(version, box.at('opt/opq-updater/current'));
    expect(box.script(['dash'], 'postinst', ['configure', '0.0.9'])).toMatchObject({ status: 0 });
    expect(box.has('opt/opq-updater/current'), version).toBe(stays);
    expect(box.has(`opt/opq-updater/${version}`), version).toBe(stays);
  }
});

it('postinst takes all self-updates out of the way that an undo could lead back to, and nothing of a newer one', () => {
  const box = emptyRoot();
  box.unpack();
  const left = ['0.0.8', '0.0.9', '0.0.9.new', '999.0.0'];
  for (const version of left) box.put(`opt/opq-updater/${version}/opq-updater.js`);
  symlinkSync('999.0.0', box.at('opt/opq-updater/current'));
  expect(box.script(['dash'], 'postinst', ['configure', '0.0.9'])).toMatchObject({ status: 0, stderr: '' });
  expect(left.filter((version) => box.has(`opt/opq-updater/${version}`))).toEqual(['999.0.0']);
  expect(box.has('opt/opq-updater/current')).toBe(true);
});

it('postinst leaves every self-update where it is while an update is under way', () => {
  const box = emptyRoot();
  box.unpack();
  box.put('var/lib/opq-updater/trial/about');
  box.put('opt/opq-updater/0.0.9/opq-updater.js');
  symlinkSync('0.0.9', box.at('opt/opq-updater/current'));
  expect(box.script(['dash'], 'postinst', ['configure', '0.0.9'])).toMatchObject({ status: 0 });
  expect(box.has('opt/opq-updater/current')).toBe(true);
  expect(box.has('opt/opq-updater/0.0.9')).toBe(true);
});
