import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { badUpdater } from '../../support/an-updater.ts';
import { nameOf, oldVersion, release, releaseJson, smallContent, tempFolder, writeTree } from './program.ts';

const top = `opq-box-update-${oldVersion}`;
const buildIn = (root: string, ...more: string[]) =>
  release(['build', join(root, 'content'), '--out', join(root, 'out'), '--version', String(oldVersion), ...more]);
const packages = (root: string) => (existsSync(join(root, 'out')) ? readdirSync(join(root, 'out')) : []);

/** Unpacks as an old box does, and gives every file with its content and mode. */
function unpack(packagePath: string): Record<string, [string, string]> {
  const folder = join(dirname(packagePath), 'unpacked');
  mkdirSync(folder);
  execFileSync('tar', ['xjf', packagePath, '-C', folder, '-p', '--no-same-owner']);
  const names = execFileSync('find', ['.', '-printf', '%P\\n'], { cwd: folder, encoding: 'utf8' })
    .split('\n')
    .filter(Boolean);
  return Object.fromEntries(
    names.map((name) => {
      const stat = statSync(join(folder, name));
      return [name, [stat.isFile() ? readFileSync(join(folder, name), 'utf8') : '', (stat.mode & 0o7777).toString(8)]];
    }),
  );
}

describe('opq-release build', () => {
  it('makes what an old box unpacks with tar xjf, VERSION included', () => {
    const root = tempFolder();
    writeTree(join(root, 'content'), { ...smallContent, VERSION: '1\n', 'grüße.txt': 'ü' });
    mkdirSync(join(root, 'content/empty'));
    const { exit } = buildIn(root);
    expect(exit).toBe(0);
    expect(unpack(join(root, 'out', nameOf(oldVersion)))).toEqual({
      [top]: ['', '755'],
      [`${top}/VERSION`]: [`${oldVersion}\n`, '644'],
      [`${top}/install_update.sh`]: [smallContent['install_update.sh'], '755'],
      [`${top}/box-config-daemon`]: ['', '755'],
      [`${top}/box-config-daemon/run.sh`]: [smallContent['box-config-daemon/run.sh'], '755'],
      [`${top}/grüße.txt`]: ['ü', '644'],
      [`${top}/empty`]: ['', '755'],
    });
    expect(readFileSync(join(root, 'content/VERSION'), 'utf8')).toBe('1\n');
  });

  it('gives the same bytes for the same content, wherever, whenever and by whomever it is built', () => {
    const files = { ...smallContent, 'b/1': 'x', 'a-b': 'y', 'a/c': 'z', Z: 'upper', ä: 'umlaut' };
    const [first, second] = [tempFolder(), tempFolder()];
    writeTree(join(first, 'content'), files);
    writeTree(join(second, 'content'), Object.fromEntries(Object.entries(files).reverse()));
    for (const name of Object.keys(files)) {
      const path = join(second, 'content', name);
      chmodSync(path, name.endsWith('.sh') ? 0o700 : 0o620);
      utimesSync(path, 1, 1);
    }
    chmodSync(join(second, 'content/b'), 0o2700);
    expect(buildIn(first).exit).toBe(0);
    expect(
      release(['build', 'content', '--version', String(oldVersion), '--out', 'out'], {
        cwd: second,
        env: { BZIP2: '-1', BZIP: '--small', LANG: 'C', TZ: 'Asia/Kolkata' },
      }).exit,
    ).toBe(0);
    expect(readFileSync(join(first, 'out', nameOf(oldVersion)))).toEqual(
      readFileSync(join(second, 'out', nameOf(oldVersion))),
    );
  });

  it('takes names that do not fit into a tar header, and GNU tar reads them', () => {
    const root = tempFolder();
    const long = `${'folder/'.repeat(20)}${'n'.repeat(100)}`;
    const foreign = 'ü'.repeat(60);
    writeTree(join(root, 'content'), { ...smallContent, [long]: 'long', [foreign]: 'foreign' });
    const { exit } = buildIn(root);
    expect(exit).toBe(0);
    const unpacked = unpack(join(root, 'out', nameOf(oldVersion)));
    expect(unpacked[`${top}/${long}`]?.[0]).toBe('long');
    expect(unpacked[`${top}/${foreign}`]?.[0]).toBe('foreign');
  });

  it('dates a release by the clock when no version is given', () => {
    const root = tempFolder();
    writeTree(join(root, 'content'), smallContent);
    const before = Math.floor(Date.now() / 1000);
    const { version } = releaseJson(['build', join(root, 'content'), '--out', root]);
    expect(version).toBeGreaterThanOrEqual(before);
    expect(version).toBeLessThanOrEqual(Date.now() / 1000);
    expect(existsSync(join(root, nameOf(version)))).toBe(true);
  });

  it('says "done" again when the package is there already, and never overwrites another one', () => {
    const root = tempFolder();
    writeTree(join(root, 'content'), smallContent);
    expect(buildIn(root).exit).toBe(0);
    expect(buildIn(root).exit).toBe(0);
    const bytes = readFileSync(join(root, 'out', nameOf(oldVersion)));
    writeFileSync(join(root, 'content/more'), 'more');
    expect(buildIn(root)).toMatchObject({ exit: 2, code: 'USAGE' });
    expect(readFileSync(join(root, 'out', nameOf(oldVersion)))).toEqual(bytes);
    expect(packages(root)).toEqual([nameOf(oldVersion)]);
  });

  it.each([
    ['missing', (script: string) => rmSync(script)],
    ['empty', (script: string) => truncateSync(script)],
  ])('says which file is %s when a box could not install it', (found, spoil) => {
    const root = tempFolder();
    const script = join(writeTree(join(root, 'content'), smallContent), 'install_update.sh');
    spoil(script);
    const { exit, stderr } = buildIn(root);
    expect([exit, stderr]).toEqual([2, expect.stringContaining(`content/install_update.sh is ${found}`)]);
    expect(packages(root)).toEqual([]);
  });

  const hostile: [string, (content: string) => void, string][] = [
    ['a symbolic link', (at) => symlinkSync('/etc/passwd', join(at, 'link')), 'ARCHIVE_REFUSED'],
    ['a link in place of VERSION', (at) => symlinkSync('/etc/passwd', join(at, 'VERSION')), 'ARCHIVE_REFUSED'],
    ['a FIFO', (at) => execFileSync('mkfifo', [join(at, 'fifo')]), 'ARCHIVE_REFUSED'],
    ['a folder in place of VERSION', (at) => writeTree(at, { 'VERSION/x': '' }), 'ARCHIVE_REFUSED'],
    [
      'an update.json with an unknown key',
      (at) => writeTree(at, { 'update.json': '{"hardwear":["x"]}' }),
      'ARCHIVE_REFUSED',
    ],
    ['a name with a line end', (at) => writeTree(at, { 'a\nb': '' }), 'ARCHIVE_REFUSED'],
    ['a name with a backslash', (at) => writeTree(at, { 'a\\b': '' }), 'ARCHIVE_REFUSED'],
    [
      'a name that is not UTF-8',
      (at) => writeFileSync(Buffer.concat([Buffer.from(`${at}/a`), Buffer.from([0xff])]), ''),
      'ARCHIVE_REFUSED',
    ],
    ['two names but for case', (at) => writeTree(at, { README: '', Readme: '' }), 'ARCHIVE_REFUSED'],
    ['a name of 33 parts', (at) => writeTree(at, { [`${'d/'.repeat(32)}f`]: '' }), 'ARCHIVE_REFUSED'],
    [
      'a file larger than a box unpacks',
      (at) => {
        writeTree(at, { big: '' });
        truncateSync(join(at, 'big'), 3e9);
      },
      'ARCHIVE_REFUSED',
    ],
  ];
  it.each(hostile)('refuses %s before there is a package', (_, spoil, code) => {
    const root = tempFolder();
    const content = writeTree(join(root, 'content'), smallContent);
    spoil(content);
    expect(buildIn(root)).toMatchObject({ exit: 4, code });
    expect(packages(root)).toEqual([]);
  });

  it('refuses to put the package into its own content', () => {
    const root = tempFolder();
    const content = writeTree(join(root, 'content'), smallContent);
    for (const out of [content, join(content, 'out'), '.']) {
      expect(release(['build', content, '--out', out], { cwd: content })).toMatchObject({ exit: 2, code: 'USAGE' });
    }
    expect(readdirSync(content).sort()).toEqual(['box-config-daemon', 'install_update.sh']);
  });

  it.each(['1', '0550190683', '1e9', '-1550190683', '1550190683.5', 'now'])('refuses --version=%s', (version) => {
    const root = tempFolder();
    writeTree(join(root, 'content'), smallContent);
    expect(release(['build', join(root, 'content'), '--out', root, `--version=${version}`]).exit).toBe(2);
  });

  it('refuses a folder that is not there, and says so when bzip2 is not installed', () => {
    const root = tempFolder();
    expect(release(['build', join(root, 'nowhere')], { cwd: root })).toMatchObject({ exit: 2, code: 'NOT_FOUND' });
    writeTree(join(root, 'content'), smallContent);
    const { code } = release(['build', 'content'], { cwd: root, env: { PATH: root } });
    expect(code).toBe('NOT_FOUND');
    expect(readdirSync(root)).toEqual(['content']);
  });
});

describe('opq-release build with an updater', () => {
  const program = badUpdater('1.3.0', '');
  const named = (version: string, path = 'parts/u') => JSON.stringify({ updater: { version, path } });

  it('puts the folder into the package, and has update.json say its version beside what it said', () => {
    const root = tempFolder();
    writeTree(join(root, 'content'), { ...smallContent, 'update.json': '{"notes":"Faster."}' });
    writeTree(join(root, 'updater'), { 'opq-updater.js': program, 'package.json': '{"type":"commonjs"}' });
    expect(buildIn(root, '--updater', join(root, 'updater'))).toMatchObject({ exit: 0, stderr: '' });
    const unpacked = unpack(join(root, 'out', nameOf(oldVersion)));
    expect(unpacked[`${top}/opq-updater/opq-updater.js`]?.[0]).toBe(program);
    expect(unpacked[`${top}/opq-updater/package.json`]).toBeDefined();
    expect(JSON.parse(unpacked[`${top}/update.json`]![0])).toEqual({
      notes: 'Faster.',
      updater: { version: '1.3.0', path: 'opq-updater' },
    });
    // Same bytes again, and the content is as it was.
    expect(buildIn(root, '--updater', join(root, 'updater')).exit).toBe(0);
    expect(readFileSync(join(root, 'content/update.json'), 'utf8')).toBe('{"notes":"Faster."}');
  });

  it('takes one that update.json and the content bring by themselves', () => {
    const root = tempFolder();
    writeTree(join(root, 'content'), {
      ...smallContent,
      'parts/u/opq-updater.js': program,
      'update.json': named('1.3.0'),
    });
    expect(buildIn(root)).toMatchObject({ exit: 0, stderr: '' });
    const shown = release(['inspect', join(root, 'out', nameOf(oldVersion))]).stdout;
    expect(shown).toMatch(/updater +1\.3\.0/);
  });

  it.each(['/etc', '/etc/opq-updater/keys', '/var/lib/dpkg'])(
    'refuses a release that wants to write %s, as boxes do',
    (path) => {
      const root = tempFolder();
      const about = JSON.stringify({ writable_paths: [path] });
      writeTree(join(root, 'content'), { ...smallContent, 'update.json': about });
      expect(buildIn(root)).toMatchObject({ code: 'PATH_NOT_UNDOABLE' });
      expect(packages(root)).toEqual([]);
    },
  );

  const refused: [string, Record<string, string>, string][] = [
    ['is not there', { 'update.json': named('1.3.0') }, 'ARCHIVE_REFUSED'],
    ['is elsewhere', { 'update.json': named('1.3.0'), 'opq-updater.js': program }, 'ARCHIVE_REFUSED'],
    ['is a folder', { 'update.json': named('1.3.0'), 'parts/u/opq-updater.js/x': '' }, 'ARCHIVE_REFUSED'],
    ['is another version', { 'update.json': named('1.4.0'), 'parts/u/opq-updater.js': program }, 'ARCHIVE_REFUSED'],
    ['does not run', { 'update.json': named('1.3.0'), 'parts/u/opq-updater.js': 'throw 1' }, 'ARCHIVE_REFUSED'],
  ];
  it.each(refused)('refuses content whose updater %s', (_, files, code) => {
    const root = tempFolder();
    writeTree(join(root, 'content'), { ...smallContent, ...files });
    expect(buildIn(root)).toMatchObject({ exit: 4, code });
    expect(packages(root)).toEqual([]);
  });

  const misused: [string, Record<string, string>, Record<string, string>, string][] = [
    ['has no opq-updater.js', {}, { 'package.json': '{}' }, 'USAGE'],
    ['says no version', {}, { 'opq-updater.js': 'console.log(1)' }, 'USAGE'],
    ['would be the second', { 'update.json': named('1.3.0') }, { 'opq-updater.js': program }, 'USAGE'],
    ['would lie on what is there', { 'opq-updater/x': '' }, { 'opq-updater.js': program }, 'USAGE'],
  ];
  it.each(misused)('refuses --updater with a folder that %s', (_, content, updater, code) => {
    const root = tempFolder();
    writeTree(join(root, 'content'), { ...smallContent, ...content });
    writeTree(join(root, 'updater'), updater);
    expect(buildIn(root, '--updater', join(root, 'updater'))).toMatchObject({ exit: 2, code });
    expect(packages(root)).toEqual([]);
  });
});
