import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyBox, installer } from './install-box.ts';
import { buildDeb, ownFolder } from './the-deb.ts';

let folder: string;
let deb: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'opq-migrate-test-'));
  deb = buildDeb(folder);
  writeFileSync(join(folder, 'broken.deb'), 'no package');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const crontab = 'var/spool/cron/crontabs/root';
const config = 'etc/opq/updater_config.json';
const version = 'usr/local/box-config-daemon/VERSION';
const kept = 'var/backups/opq-updater-migration';

/** What the old updater left on boxes: its own cron job as its set-up wrote it, last line without an end. */
const oldFiles: Readonly<Record<string, string>> = {
  [crontab]:
    '# m h  dom mon dow   command\n5 4 * * 1 python3 /opt/other/updater.py\n' +
    '0 0 */1 * * python3 /usr/local/bin/updater.py >> /var/log/opq/updater.log # run_updater',
  [config]: `{
  "download_dir_path": "/var/opq/updater/",
  "server_url": "http://updates.example:8151/",
  "version_file": "version.json",
  "public_key": "opq-signing-public.pem",
  "update_package": "opq.box.updates.tar.gz",
  "signature": "opq.box.updates.tar.gz.sig"
}
`,
  'var/opq/updater/local_version.json': '{"version": 1, "release": 1507063807, "package": "opq.box.updates.tar.gz"}',
  'etc/opq/opqbox_config.json': '{"box_id": 7, "updates_ep": "http://other.example:8151", "calibration": 152.5}',
  [version]: '1550190683\n',
};

type Box = ReturnType<typeof emptyBox>;

/** A box of that time. @param files more of them, or others; undefined: there is none */
function oldBox(files: Readonly<Record<string, string | undefined>> = {}): Box {
  const box = emptyBox();
  for (const [path, text] of Object.entries({ ...oldFiles, ...files })) {
    if (text === undefined) continue;
    mkdirSync(dirname(join(box.root, path)), { recursive: true });
    writeFileSync(join(box.root, path), text);
    utimesSync(join(box.root, path), 1_500_000_000, 1_500_000_000);
  }
  if (existsSync(join(box.root, crontab))) chmodSync(join(box.root, crontab), 0o600);
  mkdirSync(join(box.root, 'usr/local/box-config-daemon'), { recursive: true });
  return box;
}

/** Path to content, mode, owner and time of every file below these folders. */
function stateOf({ root }: Box): Record<string, unknown> {
  const files = ['etc/opq', 'etc/cron.d', 'var/spool', 'var/opq', 'usr/local'].flatMap((top) =>
    existsSync(join(root, top))
      ? readdirSync(join(root, top), { recursive: true, encoding: 'utf8' }).map((name) => join(top, name))
      : [],
  );
  const rows = files.flatMap((path) => {
    const stat = lstatSync(join(root, path));
    if (!stat.isFile()) return [];
    const { mode, uid, gid, mtimeMs } = stat;
    return [[path, { mode, uid, gid, mtimeMs, text: readFileSync(join(root, path), 'utf8') }]];
  });
  return Object.fromEntries(rows);
}

/** Who asks for updates, as cron and the daemon would read these files. */
function whoAsks(box: Box): string[] {
  const held = box.has(config) && /"schedule": *null/.test(box.text(config));
  const line = box
    .text(crontab)
    .split('\n')
    .find((text) => text.includes('/usr/local/bin/updater.py') && !text.startsWith('#'));
  const old = line !== undefined && (!line.includes('grep -qs') || held);
  // Without the key our daemon has its default.
  const ours = box.has('usr/bin/opq-updater') && !held;
  return [
    ...(old ? ['old'] : []),
    ...(ours ? ['ours'] : []),
    ...(box.has('etc/cron.d/opq-updater') ? ['our cron'] : []),
  ];
}

const migrate = (box: Box, env: Record<string, string> = {}) =>
  box.install(['--migrate', '--deb', deb], env, { shell: ['dash'] });
const giveBack = (box: Box, env: Record<string, string> = {}) => box.install(['--migrate-back'], env);

describe('install.sh --migrate', () => {
  it('takes over server, folder and version, and switches the old cron job off, and nothing else in that file', () => {
    const box = oldBox();
    expect(migrate(box)).toMatchObject({ status: 0, stderr: '' });
    expect(whoAsks(box)).toEqual(['ours']);
    expect(box.config()).toEqual({
      schedule: '0 0 * * *',
      download_dir_path: '/var/opq/updater/',
      server_url: 'http://updates.example:8151/',
      version_file: 'version.json',
    });
    const lines = box.text(crontab).split('\n');
    expect(lines.slice(0, 2)).toEqual(oldFiles[crontab]!.split('\n').slice(0, 2));
    expect(lines[2]).toMatch(/^#.*updater\.py/);
    expect(lstatSync(join(box.root, crontab)).mode & 0o777).toBe(0o600);
    expect(box.text(version)).toBe(oldFiles[version]);
  });

  it('finds the old cron job in files of the system too, and by the other names of the script', () => {
    for (const [path, line] of [
      ['etc/cron.d/opq', '@daily root bash /usr/local/box-config-daemon/updater/updater.sh http://u.example\n'],
      ['etc/crontab', '17 3 * * * root cd /usr/local/bin && ./box_updater.py\n'],
    ] as const) {
      const box = oldBox({ [crontab]: undefined, [path]: line });
      const before = stateOf(box);
      expect(migrate(box)).toMatchObject({ status: 0, stderr: '' });
      expect(box.text(path)).toMatch(/^#/);
      expect(giveBack(box)).toMatchObject({ status: 0, stderr: '' });
      expect(stateOf(box)).toEqual(before);
      expect(box.text(path)).toBe(line);
    }
  });

  it('guards the old line where the command begins, so that it does what it did until the switch', () => {
    const box = oldBox({ 'etc/cron.d/opq': '@daily root bash /usr/local/box-config-daemon/updater/updater.sh\n' });
    // The package cannot be installed: the box stays with the old updater.
    const { status } = box.install(['--migrate', '--deb', join(folder, 'none.deb')]);
    expect(status).toBe(2);
    expect(box.install(['--migrate', '--deb', join(folder, 'broken.deb')]).status).toBe(1);
    expect(whoAsks(box)).toEqual(['old']);
    expect(box.text(crontab)).toMatch(
      /^0 0 \*\/1 \* \* grep -qs .* \|\| exit 0; python3 \/usr\/local\/bin\/updater\.py/m,
    );
    expect(box.text('etc/cron.d/opq')).toMatch(/^@daily root grep -qs .* \|\| exit 0; bash \/usr\/.*updater\.sh\n$/);
    expect(JSON.parse(box.text(config))).toMatchObject({ schedule: null, public_key: 'opq-signing-public.pem' });
  });

  it('takes the server of opqbox_config.json where the old updater had no configuration of its own', () => {
    const box = oldBox({ [config]: undefined });
    expect(migrate(box)).toMatchObject({ status: 0 });
    expect(box.config()).toMatchObject({ server_url: 'http://other.example:8151', schedule: '0 0 * * *' });
    expect(giveBack(box)).toMatchObject({ status: 0 });
    expect(box.has(config)).toBe(false);
  });

  it.each<[string, Record<string, string | undefined>, RegExp, string | undefined]>([
    ['stays where it is the second of a release', {}, /VERSION is 1550190683: only newer/, '1550190683\n'],
    ['stays where it is an older number', { [version]: '1\n' }, /VERSION is 1, older than every release/, '1\n'],
    ['stays where it is none', { [version]: 'v2\n' }, /VERSION is "v2", no number: .*next signed release/, 'v2\n'],
    [
      'is made from local_version.json',
      { [version]: undefined },
      /made from local_version.json: 1507063807/,
      '1507063807\n',
    ],
    [
      'stays unknown where that has no release',
      { [version]: undefined, 'var/opq/updater/local_version.json': '{"version": 1}' },
      /No release is known.*next signed release/,
      undefined,
    ],
  ])('VERSION %s', (_, files, words, text) => {
    const box = oldBox(files);
    const before = stateOf(box);
    const { status, stdout } = migrate(box);
    expect([status, stdout]).toEqual([0, expect.stringMatching(words)]);
    expect(box.has(version) ? box.text(version) : undefined).toBe(text);
    giveBack(box);
    expect(stateOf(box)).toEqual(before);
  });

  it('puts aside a schedule that somebody set on the page of an earlier installation', () => {
    const settings = 'var/lib/opq-updater/settings.json';
    const box = oldBox({ [settings]: '{"schedule":"0 4 * * *"}' });
    box.install(['--migrate', '--deb', join(folder, 'broken.deb')]);
    expect([whoAsks(box), box.has(settings)]).toEqual([['old'], false]);
    expect(migrate(box).status).toBe(0);
    expect(box.text(`${kept}/settings.json`)).toBe('{"schedule":"0 4 * * *"}');
  });

  it('can be run again, and changes nothing then', () => {
    const box = oldBox();
    migrate(box);
    const before = stateOf(box);
    expect(migrate(box)).toMatchObject({ status: 0, stderr: '' });
    expect(stateOf(box)).toEqual(before);
  });

  it('refuses a box that has no old updater, and a box that has one is not installed without it', () => {
    const fresh = emptyBox();
    expect(migrate(fresh)).toMatchObject({ status: 2, stderr: expect.stringContaining('install without --migrate') });
    const old = oldBox();
    const { status, stderr } = old.install(['--deb', deb]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('take the box over with --migrate')]);
    for (const box of [fresh, old]) expect(box.called()).toEqual([]);
  });

  it('refuses without its second file', () => {
    const script = join(ownFolder(), 'install.sh');
    copyFileSync(installer, script);
    const { status, stderr } = oldBox().install(['--migrate', '--deb', deb], {}, { script });
    expect([status, stderr]).toEqual([2, expect.stringContaining('migrate.sh')]);
  });
});

describe('install.sh --migrate-back', () => {
  it('puts back exactly what was there: bytes, modes, owners, times', () => {
    const box = oldBox();
    const before = stateOf(box);
    migrate(box);
    expect(giveBack(box)).toMatchObject({ status: 0, stderr: '' });
    expect(stateOf(box)).toEqual(before);
    expect(whoAsks(box)).toEqual(['old']);
    expect(JSON.parse(box.text(`${kept}.returned/new_updater_config.json`)).schedule).toBe('0 0 * * *');
  });

  it('has one that asks where cron asks for the new updater, too', () => {
    const box = oldBox();
    const before = stateOf(box);
    expect(box.install(['--migrate', '--deb', deb, '--schedule', 'cron'])).toMatchObject({ status: 0, stderr: '' });
    expect(whoAsks(box)).toEqual(['our cron']);
    expect(migrate(box)).toMatchObject({ status: 0, stderr: '' });
    expect(whoAsks(box)).toEqual(['our cron']);
    expect(giveBack(box)).toMatchObject({ status: 0, stderr: '' });
    expect(whoAsks(box)).toEqual(['old']);
    expect(stateOf(box)).toEqual(before);
  });

  it('keeps what somebody added to the crontab since', () => {
    const box = oldBox();
    migrate(box);
    writeFileSync(join(box.root, crontab), `${box.text(crontab)}7 7 * * * mine\n`);
    giveBack(box);
    expect(box.text(crontab)).toBe(`${oldFiles[crontab]}\n7 7 * * * mine\n`);
  });

  it('refuses a box that was never taken over', () => {
    expect(giveBack(oldBox())).toMatchObject({ status: 2, stderr: expect.stringContaining('not taken over') });
  });

  const journal = 'var/lib/opq-updater/journal.json';
  it.each<[string, (box: Box) => void, string]>([
    ['on trial', (box) => mkdirSync(join(box.root, 'var/lib/opq-updater/trial'), { recursive: true }), 'on trial'],
    ['under way', (box) => box.put(journal, '{"step":"download","to":1550190999}'), 'under way'],
    ['under way, in a journal that nobody can read', (box) => box.put(journal, ''), 'under way'],
  ])('changes nothing on a box with an update %s, which gets its verdict', (_, begin, words) => {
    const box = oldBox();
    box.install(['--migrate', '--deb', deb, '--schedule', 'cron']);
    begin(box);
    const before = stateOf(box);
    box.called();
    expect(giveBack(box)).toMatchObject({ status: 2, stderr: expect.stringContaining(words) });
    expect([stateOf(box), box.called()]).toEqual([before, []]);
    expect(giveBack(box, { OPQ_UPDATER_FORCE: '1' })).toMatchObject({ status: 0 });
  });

  it('has an update go on that began while it looked, and takes the box at its end', () => {
    const box = oldBox();
    const before = stateOf(box);
    migrate(box);
    box.called();
    expect(giveBack(box, { FAKE_BEGUN: '1' })).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('under way'),
    });
    expect(box.called()).toEqual([
      'systemctl stop opq-updater-control.socket opq-updater-page.socket opq-updater.service',
      'systemctl start opq-updater-control.socket opq-updater-page.socket opq-updater.service',
    ]);
    expect(whoAsks(box)).toEqual(['ours']);
    box.put(journal, '{"step":"idle"}');
    expect(giveBack(box)).toMatchObject({ status: 0, stderr: '' });
    expect(stateOf(box)).toEqual(before);
  });
});

describe('Exactly one updater asks, wherever the power goes', () => {
  it.each([
    ['over', migrate, 'ours'],
    ['back', giveBack, 'old'],
  ] as const)('on the way %s; run again, it ends where it should', (way, run, end) => {
    let cuts = 0;
    for (let whole = false; !whole; cuts++) {
      const box = oldBox();
      const before = stateOf(box);
      if (way === 'back') migrate(box);
      whole = run(box, { FAKE_CUT: String(cuts) }).status === 0;
      expect(whoAsks(box), `cut after ${cuts} renames`).toHaveLength(1);
      expect(run(box).status, `again after ${cuts} renames`).toBe(whole && way === 'back' ? 2 : 0);
      expect(whoAsks(box)).toEqual([end]);
      if (way === 'back') expect(stateOf(box)).toEqual(before);
    }
    expect(cuts).toBeGreaterThan(4);
  });
});
