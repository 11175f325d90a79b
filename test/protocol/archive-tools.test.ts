import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { defaultArchiveLimits } from '../../protocol/archive.ts';
import { errorOf } from '../support/error-of.ts';
import { keptArchive, listArchive } from '../support/kept-archive.ts';
import { testVersion, testTop as top } from '../support/tar-bytes.ts';

const root = mkdtempSync(join(tmpdir(), 'opq-archive-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const longName = `${'component/'.repeat(12)}${'f'.repeat(110)}`;
const unsplittable = 'u'.repeat(160);
/** Name to content; a name of null is a folder. The last two need more than the fields of a header. */
const plainFiles: Record<string, string | null> = {
  VERSION: `${testVersion}\n`,
  'install_update.sh': '#!/bin/sh\necho done\n',
  'update.json': '{"notes":"Real tools made this."}',
  'box-config-daemon/run.sh': '#!/bin/sh\n'.padEnd(3000, '#'),
  'box-config-daemon/empty': '',
  'empty-folder': null,
};
const longFiles = { ...plainFiles, 'grüße 100 %.txt': 'ü', [longName]: 'long', [unsplittable]: 'longer' };

/** Below `root/<folder>/opq-box-update-…`; the path of `root/<folder>`. */
function tree(folder: string, files: Record<string, string | null>): string {
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, folder, top, name);
    mkdirSync(content === null ? path : dirname(path), { recursive: true });
    if (content !== null) writeFileSync(path, content);
  }
  chmodSync(join(root, folder, top, 'install_update.sh'), 0o755);
  return join(root, folder);
}

const plain = tree('plain', plainFiles);
const long = tree('long', longFiles);

const read = (bytes: Buffer) => listArchive(bytes);
const tar = (cwd: string, ...args: string[]) =>
  execFileSync('tar', ['-cf', '-', ...args], { cwd, maxBuffer: 2 ** 26, stdio: ['ignore', 'pipe', 'ignore'] });

/** Every file is found with exactly its bytes and its executable bit. */
function expectContent(bytes: Buffer, files: Record<string, string | null>): void {
  const {
    content: { entries },
    files: kept,
  } = keptArchive(bytes, defaultArchiveLimits);
  const found = entries.filter(({ kind }) => kind === 'file');
  expect(Object.fromEntries([...kept].map(([name, inside]) => [name, inside.toString()]))).toEqual(
    Object.fromEntries(Object.entries(files).filter(([, content]) => content !== null)),
  );
  expect(entries.find(({ name }) => name === 'empty-folder')?.kind).toBe('folder');
  expect(found.filter(({ mode }) => mode & 0o100).map(({ name }) => name)).toEqual(['install_update.sh']);
}

describe('a package that was packed by hand', () => {
  const isGnuTar = spawnSync('tar', ['--version'], { encoding: 'utf8' }).stdout?.includes('GNU tar');
  describe.skipIf(!isGnuTar)('with GNU tar', () => {
    it.each(['gnu', 'oldgnu', 'pax', 'posix', 'ustar', 'v7'])('is read when its format is %s', (format) => {
      expectContent(tar(plain, `--format=${format}`, top), plainFiles);
    });
    it.each(['gnu', 'oldgnu', 'pax', 'posix'])(
      'is read with long and foreign names when its format is %s',
      (format) => {
        expectContent(tar(long, `--format=${format}`, top), longFiles);
      },
    );
    it.each([
      ['from within, as ./', () => tar(join(plain, top), '.')],
      ['with ./ before the top folder', () => tar(plain, `./${top}`)],
      ['from the folder above', () => tar(plain, '.')],
      [
        'without entries for folders but the empty one',
        () => tar(plain, '--no-recursion', ...Object.keys(plainFiles).map((name) => `${top}/${name}`)),
      ],
      ['with attributes', () => tar(plain, '--xattrs', '--acls', '--format=pax', top)],
    ])('is read when it was packed %s', (_, pack) => expectContent(pack(), plainFiles));

    it('is refused when GNU tar put a link into it', () => {
      const linked = tree('linked', plainFiles);
      execFileSync('ln', ['VERSION', join(linked, top, 'hard')], { cwd: join(linked, top) });
      expect(errorOf(() => read(tar(linked, top)))).toBe('ARCHIVE_REFUSED');
      rmSync(join(linked, top, 'hard'));
      execFileSync('ln', ['-s', '/etc/passwd', join(linked, top, 'soft')]);
      expect(errorOf(() => read(tar(linked, top)))).toBe('ARCHIVE_REFUSED');
    });

    it('is refused when GNU tar packed a file with holes', () => {
      const sparse = tree('sparse', plainFiles);
      execFileSync('truncate', ['-s', '1M', join(sparse, top, 'holes')]);
      for (const format of ['gnu', 'pax']) {
        expect(errorOf(() => read(tar(sparse, '--sparse', `--format=${format}`, top)))).toBe('ARCHIVE_REFUSED');
      }
    });
  });

  it.skipIf(spawnSync('git', ['--version']).status !== 0)('is read when git archive made it', () => {
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], { cwd: join(plain, top) });
    git('init', '-q');
    git('add', '-f', '.');
    git('commit', '-qm', 'release');
    const bytes = git('archive', `--prefix=${top}/`, 'HEAD');
    rmSync(join(plain, top, '.git'), { recursive: true });
    expect(read(bytes).entries.map(({ name }) => name)).toContain('box-config-daemon/run.sh');
  });

  const hasPython = spawnSync('python3', ['-c', 'import tarfile']).status === 0;
  describe.skipIf(!hasPython)('with Python', () => {
    const pack = 'import sys,tarfile; t=tarfile.open(sys.argv[2],"w",format=getattr(tarfile,sys.argv[1])); t.add(sys.argv[3]); t.close()'; // biome-ignore format: one line
    const python = (format: string, cwd: string) => {
      const out = join(cwd, `${format}.tar`);
      execFileSync('python3', ['-c', pack, format, out, top], { cwd });
      return readFileSync(out);
    };
    it('is read when its format is ustar', () => expectContent(python('USTAR_FORMAT', plain), plainFiles));
    it.each(['GNU_FORMAT', 'PAX_FORMAT'])('is read with long names when its format is %s', (format) => {
      expectContent(python(format, long), longFiles);
    });
  });
});
