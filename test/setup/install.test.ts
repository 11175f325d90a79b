import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bookworm, emptyBox, installer, raspbian, trixie } from './install-box.ts';
import { buildDeb, ownFolder } from './the-deb.ts';

let folder: string;
let deb: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'opq-install-test-'));
  deb = buildDeb(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const schedulers = (box: ReturnType<typeof emptyBox>) => ({
  cron: box.has('etc/cron.d/opq-updater'),
  daemon: box.config().schedule !== null,
});

describe('install.sh refuses before it changes anything', () => {
  const rows: [string, string[], Record<string, string>, string, RegExp][] = [
    ['an unknown option', ['--frobnicate'], {}, trixie, /unknown option "--frobnicate"/],
    ['an option without its value', ['--deb'], {}, trixie, /--deb needs a value/],
    ['a user who is not root', [], { FAKE_UID: '1000' }, trixie, /expected root, found somebody.*sudo/],
    ['Debian 12', [], {}, bookworm, /Debian GNU\/Linux 12.*needed: Debian 13 or Raspberry Pi OS 13 \(Node 20\.19/],
    ['another system', [], {}, 'ID=fedora\nPRETTY_NAME="Fedora 44"\nVERSION_ID=44\n', /Fedora 44.*needed: Debian 13/],
    ['an old Node that would be found first', [], { FAKE_NODE: 'v20.18.3' }, trixie, /v20\.18\.3.*20\.19 or newer/],
    ['an address that is none', ['--server-url', 'updates.example'], {}, trixie, /--server-url: expected a URL/],
    ['a schedule that it does not know', ['--schedule', 'anacron'], {}, trixie, /expected daemon or cron/],
    ['a package that is not there', ['--deb', '/nowhere.deb'], {}, trixie, /--deb: there is no file/],
    ['a key that is not there', ['--key', '/nowhere.pem'], {}, trixie, /--key: there is no file/],
    ['a key that nobody confirms', ['--key', 'http://u.example/k.pem'], {}, trixie, /--fingerprint where nobody/],
    ['a fingerprint without a key', ['--fingerprint', 'ab'], {}, trixie, /--fingerprint goes with --key/],
    ['a purge without --uninstall', ['--purge'], {}, trixie, /--purge goes with --uninstall/],
  ];
  for (const [what, args, env, osRelease, message] of rows) {
    it(what, () => {
      const box = emptyBox(osRelease);
      const { status, stderr } = box.install(args, env);
      expect(stderr).toMatch(message);
      expect(status).toBe(2);
      expect(box.called()).toEqual([]);
    });
  }

  it('a folder without a checkout to build from', () => {
    const box = emptyBox();
    const script = join(ownFolder(), 'install.sh');
    copyFileSync(installer, script);
    const { status, stderr } = box.install([], {}, { script });
    expect({ status, stderr }).toMatchObject({ status: 2, stderr: expect.stringContaining('give --deb FILE') });
  });
});

describe.each([['dash'], ['bash', '--posix']].map((shell) => ({ shell, name: shell.join(' ') })))(
  'install.sh in $name',
  ({ shell }) => {
    const how = { shell };

    it('sets a box up: package, watchdog, panic settings, server, key, doctor', () => {
      for (const system of [trixie, raspbian, 'ID=debian\nPRETTY_NAME="Debian GNU/Linux forky/sid"\n']) {
        const box = emptyBox(system);
        const args = [
          '--server-url',
          'http://updates.example/',
          '--key',
          'http://u.example/k.pem',
          '--fingerprint',
          'ab12',
        ];
        expect(box.install(['--deb', deb, ...args], {}, how)).toMatchObject({ status: 0, stderr: '' });
        expect(box.called()).toEqual([
          `apt-get -y install --reinstall ${deb}`,
          'systemctl enable --quiet opq-updater.service',
          'systemctl start opq-updater.service',
          'systemctl daemon-reload',
          'systemctl restart systemd-sysctl.service',
          'opq-updater config set server_url http://updates.example/',
          'opq-updater keys add http://u.example/k.pem --fingerprint ab12',
          'opq-updater doctor',
        ]);
        expect(box.text('etc/systemd/system.conf.d/opq-updater-watchdog.conf')).toMatch(/^RuntimeWatchdogSec=60$/m);
        expect(box.text('etc/sysctl.d/60-opq-updater.conf')).toMatch(
          /^kernel\.panic = 10\nkernel\.panic_on_oops = 1$/m,
        );
        expect(box.config().server_url).toBe('http://updates.example/');
        expect(schedulers(box)).toEqual({ cron: false, daemon: true });
      }
    });

    it('asks for server and key on a terminal, and takes no answer for later', () => {
      const box = emptyBox();
      const typed = 'http://updates.example/\nhttp://u.example/k.pem\n';
      expect(box.install(['--deb', deb], {}, { shell, typed })).toMatchObject({ status: 0 });
      expect(box.called()).toEqual(
        expect.arrayContaining([
          'opq-updater config set server_url http://updates.example/',
          'opq-updater keys add http://u.example/k.pem',
        ]),
      );
      const other = emptyBox();
      expect(other.install(['--deb', deb], {}, { shell, typed: '\n\n' })).toMatchObject({ status: 0 });
      expect(other.called().filter((call) => /config set|keys add/.test(call))).toEqual([]);
    });

    it('changes nothing when it is run again, and keeps what it was not asked about', () => {
      const box = emptyBox();
      box.install(['--deb', deb, '--server-url', 'http://updates.example/', '--schedule', 'cron'], {}, how);
      const before = [box.config(), box.text('etc/cron.d/opq-updater')];
      box.called();
      expect(box.install(['--deb', deb], {}, how)).toMatchObject({ status: 0, stderr: '' });
      expect([box.config(), box.text('etc/cron.d/opq-updater')]).toEqual(before);
      expect(box.called().filter((call) => /config|keys|reload|sysctl/.test(call))).toEqual([]);
    });

    it('has exactly one scheduler on, whichever is asked for and in what order', () => {
      const box = emptyBox();
      for (const schedule of ['cron', 'cron', 'daemon', 'daemon', 'cron']) {
        expect(box.install(['--deb', deb, '--schedule', schedule], {}, how)).toMatchObject({ status: 0, stderr: '' });
        expect(schedulers(box)).toEqual({ cron: schedule === 'cron', daemon: schedule === 'daemon' });
      }
      expect(box.text('etc/cron.d/opq-updater')).toMatch(
        /^[1-5]?\d 0 \* \* \* root .*opq-updater check --install >>\/var\/log\/opq\/box_updater\.log 2>&1$/m,
      );
    });

    it('takes away what the page has set, which would go on beside cron', () => {
      const box = emptyBox();
      box.install(['--deb', deb, '--schedule', 'cron'], {}, how);
      box.put('var/lib/opq-updater/settings.json', '{"schedule": "0 3 * * *"}');
      expect(box.install(['--deb', deb, '--schedule', 'cron'], {}, how)).toMatchObject({ status: 0, stderr: '' });
      expect(box.has('var/lib/opq-updater/settings.json')).toBe(false);
      expect(schedulers(box)).toEqual({ cron: true, daemon: false });
    });

    it('switches the daemon on again where the page has switched it off, and leaves it so for cron', () => {
      const box = emptyBox();
      box.install(['--deb', deb], {}, how);
      box.put('var/lib/opq-updater/settings.json', '{"schedule": null}');
      expect(box.install(['--deb', deb], {}, how)).toMatchObject({ status: 0, stderr: '' });
      expect(box.has('var/lib/opq-updater/settings.json')).toBe(false);
      expect(schedulers(box)).toEqual({ cron: false, daemon: true });

      box.put('var/lib/opq-updater/settings.json', '{"schedule":null}');
      box.called();
      expect(box.install(['--deb', deb, '--schedule', 'cron'], {}, how)).toMatchObject({ status: 0, stderr: '' });
      expect(box.called().filter((call) => call.includes('config set'))).toEqual([]);
      expect(box.has('etc/cron.d/opq-updater')).toBe(true);
    });

    it('leaves the daemon as the scheduler when its schedule cannot be switched off', () => {
      const box = emptyBox();
      const { status, stderr } = box.install(['--deb', deb, '--schedule', 'cron'], { FAKE_NO_NULL: '1' }, how);
      expect({ status, stderr }).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('could not be switched off'),
      });
      expect(schedulers(box)).toEqual({ cron: false, daemon: true });
    });

    it('fetches the lists of packages when apt knows none yet', () => {
      const box = emptyBox();
      expect(box.install(['--deb', deb], { FAKE_NO_LISTS: '1' }, how)).toMatchObject({ status: 0 });
      expect(box.called().slice(0, 3)).toEqual([
        `apt-get -y install --reinstall ${deb}`,
        'apt-get update',
        `apt-get -y install --reinstall ${deb}`,
      ]);
    });

    it('exits 1 when the doctor is not content, and 0 where there is no doctor', () => {
      const box = emptyBox();
      const sick = box.install(['--deb', deb], { FAKE_DOCTOR: '2' }, how);
      expect(sick).toMatchObject({ status: 1, stderr: expect.stringContaining('not ready for updates yet') });
      expect(box.install(['--deb', deb], { FAKE_DOCTOR: '2', FAKE_NO_DOCTOR: '2' }, how)).toMatchObject({ status: 0 });
    });

    it('takes all of it back with --uninstall, also twice and with --purge', () => {
      for (const [options, verb] of [
        [['--uninstall'], 'remove'],
        [['--uninstall', '--purge'], 'purge'],
      ] as const) {
        const box = emptyBox();
        box.install(['--deb', deb, '--schedule', 'cron'], {}, how);
        box.called();
        expect(box.install([...options], {}, how)).toMatchObject({ status: 0, stderr: '' });
        expect(box.called()).toEqual([`apt-get -y ${verb} opq-box-updater`, 'systemctl daemon-reload']);
        expect(box.install([...options], {}, how)).toMatchObject({
          status: 0,
          stdout: expect.stringContaining('not installed'),
        });
        for (const path of [
          'cron.d/opq-updater',
          'sysctl.d/60-opq-updater.conf',
          'systemd/system.conf.d/opq-updater-watchdog.conf',
        ]) {
          expect(box.has(`etc/${path}`), path).toBe(false);
        }
      }
    });
  },
);
