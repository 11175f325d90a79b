import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isConfigKey, judgeConfig } from '../../protocol/config.ts';
import { configKeys } from '../../protocol/config-keys.ts';
import { buildDeb, ownFolder, repo, run } from './the-deb.ts';

let folder: string;
let deb: string;
let root: string;
/** Mode, owner, path, and for links where they lead, as the package has them. */
let listed: { mode: string; owner: string; date: string; path: string; link: string | undefined }[];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'opq-deb-test-'));
  deb = buildDeb(folder);
  root = join(folder, 'root');
  run('dpkg-deb', ['-R', deb, root]);
  listed = run('dpkg-deb', ['-c', deb], { TZ: 'UTC' })
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [, mode, owner, day, time, path, link] = /^(\S+) (\S+) +\d+ (\S+) (\S+) \.(\/\S*)(?: -> (\S+))?$/.exec(
        line,
      )!;
      return { mode: mode!, owner: owner!, date: `${day} ${time}`, path: path!, link };
    });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const control = (field: string) => run('dpkg-deb', ['-f', deb, field]).trim();
const files = () =>
  readdirSync(root, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

describe('the package', () => {
  it('has the same bytes when the same tree is built again, wherever and with whatever umask', () => {
    const again = buildDeb(ownFolder(), { TMPDIR: ownFolder(), TZ: 'Pacific/Honolulu' }, '077');
    expect(readFileSync(again).equals(readFileSync(deb))).toBe(true);
  });

  it('takes its date from SOURCE_DATE_EPOCH where that is given', () => {
    const other = buildDeb(ownFolder(), { SOURCE_DATE_EPOCH: '1550190683' });
    expect(run('dpkg-deb', ['-c', other], { TZ: 'UTC' })).toMatch(/^drwxr-xr-x root\/root +0 2019-02-15 00:31 \.\/$/m);
    expect(() => buildDeb(folder, { SOURCE_DATE_EPOCH: 'today' })).toThrow(/SOURCE_DATE_EPOCH has to be seconds/);
  });

  it('names the version of the project and what it needs', () => {
    const { version } = JSON.parse(readFileSync(join(repo, 'package.json'), 'utf8'));
    expect(deb).toBe(join(folder, `opq-box-updater_${version}_all.deb`));
    expect(control('Version')).toBe(version);
    expect(control('Architecture')).toBe('all');
    expect(control('Depends').split(', ')).toEqual(
      expect.arrayContaining(['nodejs (>= 20.19)', 'bzip2', 'tar', 'systemd']),
    );
    expect(control('Recommends')).toContain('lbzip2');
  });

  it('belongs to root, and nobody else may write to any of it', () => {
    for (const { owner, mode, path } of listed) {
      expect(owner, path).toBe('root/root');
      if (!mode.startsWith('l')) expect(mode, path).toMatch(/^[-d]rw[x-]r-[x-]r-[x-]$|^drwx------$/);
    }
    expect(listed.find(({ path }) => path === '/var/lib/opq-updater/')?.mode).toBe('drwx------');
    expect(new Set(listed.map(({ date }) => date)).size).toBe(1);
  });

  it('holds nothing of the machine that built it', () => {
    for (const file of files()) {
      const text = readFileSync(file, 'latin1');
      for (const path of [repo, join(tmpdir(), 'opq-')]) expect(text.includes(path), `${path} in ${file}`).toBe(false);
    }
  });

  it('has its checksums right', () => {
    const sums = readFileSync(join(root, 'DEBIAN/md5sums'), 'utf8').trimEnd().split('\n');
    expect(sums.length).toBe(files().filter((file) => !file.includes('/DEBIAN/')).length);
    expect(run('sh', ['-c', `cd "${root}" && md5sum --check --strict --quiet DEBIAN/md5sums`])).toBe('');
  });

  it('leaves no word of its templates open', () => {
    for (const script of ['postinst', 'prerm', 'postrm']) {
      expect(readFileSync(join(root, 'DEBIAN', script), 'utf8')).not.toMatch(/@[A-Z]+@|#INCLUDE/);
    }
  });
});

describe('what is in it', () => {
  const programs = ['opq-updater.js', 'guard.sh', 'restore.sh', 'start.sh'];

  it('is the factory copy, which can be run', () => {
    for (const name of programs) {
      expect(statSync(join(root, 'usr/lib/opq-box-updater', name)).mode & 0o777, name).toBe(0o755);
    }
    const { version } = JSON.parse(readFileSync(join(repo, 'package.json'), 'utf8'));
    const started = run(join(root, 'usr/bin/opq-updater'), ['version'], { OPQ_ROOT: root });
    expect(started).toContain(`opq-updater ${version} (factory copy, `);
  });

  it('is every unit, and what they start is there too', () => {
    const units = readdirSync(join(repo, 'systemd/units'));
    for (const unit of units) {
      const text = readFileSync(join(root, 'usr/lib/systemd/system', unit), 'utf8');
      for (const [, path] of text.matchAll(/^Exec\w+=[-+!@]*(\/\S+)/gm)) {
        if (path!.startsWith('/usr/lib/opq-box-updater/')) expect(statSync(join(root, path!)).mode & 0o111).toBe(0o111);
      }
      for (const [, page, part] of text.matchAll(/man:([\w.-]+)\((\d)\)/g)) {
        expect(statSync(join(root, `usr/share/man/man${part}/${page}.${part}.gz`)).isFile()).toBe(true);
      }
    }
  });

  it('is the guard, switched on where no release and no systemctl can switch it off', () => {
    const links = {
      'sysinit.target.wants/opq-updater-guard.service': '../opq-updater-guard.service',
      'timers.target.wants/opq-updater-watch.timer': '../opq-updater-watch.timer',
    };
    for (const [path, target] of Object.entries(links)) {
      expect(readlinkSync(join(root, 'usr/lib/systemd/system', path))).toBe(target);
      const unit = readFileSync(join(root, 'usr/lib/systemd/system', path), 'utf8');
      // "systemctl disable" only knows what an [Install] section names.
      expect(unit).not.toContain('[Install]');
    }
  });

  it('has one configuration file of dpkg, and that is not the configuration', () => {
    expect(readFileSync(join(root, 'DEBIAN/conffiles'), 'utf8')).toBe('/etc/logrotate.d/opq-box-updater\n');
  });

  it('has a sample that is good once the server is set, and says nothing but the defaults', () => {
    const sample = JSON.parse(
      readFileSync(join(root, 'usr/share/opq-box-updater/updater_config.json.sample'), 'utf8'),
    ) as Record<string, unknown>;
    expect(judgeConfig({ ...sample, server_url: 'https://updates.example/' }).problems).toEqual([]);
    for (const [key, value] of Object.entries(sample)) {
      expect(isConfigKey(key) && configKeys[key].default, key).toEqual(value);
    }
  });

  it('has a rule for the log that leaves room to the rotation of the updater itself', () => {
    const rule = readFileSync(join(root, 'etc/logrotate.d/opq-box-updater'), 'utf8');
    expect(rule).toMatch(/^\/var\/log\/opq\/box_updater\.log \{$/m);
    for (const word of ['delaycompress', 'nocreate', 'missingok', 'maxsize 512k'])
      expect(rule).toContain(`  ${word}\n`);
    expect(rule).not.toMatch(/^ *copytruncate/m);
  });

  it('has the licences of what is bundled', () => {
    const text = readFileSync(join(root, 'usr/share/doc/opq-box-updater/copyright'), 'utf8');
    for (const name of ['valibot', 'got', 'execa', 'tar', 'node-cron'])
      expect(text).toMatch(new RegExp(`^${name} \\d`, 'm'));
  });
});
