import { mkdtempSync, rmSync } from 'node:fs';
import { lstat, mkdir, readdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { exists } from '../../../daemon/files.ts';
import { workerHere } from '../../../daemon/work/worker.ts';
import { aRelease, decodersHere, packedWith } from '../../support/a-release.ts';
import { codeOf } from '../../support/error-of.ts';
import { type KeyFiles, makeKey } from '../../support/packages.ts';
import { smallDisk } from '../../support/small-disk.ts';
import { testTop } from '../../support/tar-bytes.ts';

const keysDir = mkdtempSync(join(tmpdir(), 'opq-keys-'));
afterAll(() => rmSync(keysDir, { recursive: true }));
let key: KeyFiles;
beforeAll(async () => {
  key = await makeKey(keysDir);
});

/** Everything in a folder: path, mode, and text of the files. */
async function treeOf(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder, { recursive: true })).sort();
  const rows = names.map(async (name) => {
    const path = join(folder, name);
    const stats = await lstat(path);
    const what = stats.isFile() ? await readFile(path, 'utf8') : stats.isDirectory() ? 'folder' : 'odd';
    return [name, `${(stats.mode & 0o7777).toString(8)} ${what}`] as const;
  });
  return Object.fromEntries(await Promise.all(rows));
}

const files = { 'box-config-daemon/run.sh': 'run\n', 'box-config-daemon/lib/a.js': 'a\n', empty: '' };

it.each(decodersHere)('writes exactly the files of the package, with modes that are safe, by %s', async (decoder) => {
  const { job, sign } = await aRelease(key);
  const at = (name: string) => `${testTop}/${name}`;
  await sign(
    packedWith(
      { name: at('setuid'), content: 'a', mode: 0o6755 },
      { name: at('for-all'), content: 'b', mode: 0o777 },
      { name: at('for-none'), content: 'c', mode: 0o000 },
      { name: at('private/'), mode: 0o700 },
      { name: at('private/key'), content: 'd', mode: 0o600 },
      { name: at('shared/'), mode: 0o1777 },
      { name: at('unlisted/deep/file'), content: 'e'.repeat(3_000_000), mode: 0o644 },
      { name: at('empty'), mode: 0o644 },
    ),
  );
  const worker = workerHere();
  await worker.do('verify', { ...job, decoder });
  const result = await worker.do('unpack', { ...job, decoder });
  expect(await treeOf(job.folder)).toEqual({
    [testTop]: '755 folder',
    [at('VERSION')]: '644 1550190683\n',
    [at('install_update.sh')]: '755 #!/bin/sh\n',
    [at('setuid')]: '755 a',
    [at('for-all')]: '755 b',
    [at('for-none')]: '600 c',
    [at('private')]: '700 folder',
    [at('private/key')]: '600 d',
    [at('shared')]: '755 folder',
    [at('unlisted')]: '755 folder',
    [at('unlisted/deep')]: '755 folder',
    [at('unlisted/deep/file')]: `644 ${'e'.repeat(3_000_000)}`,
    [at('empty')]: '644 ',
  });
  expect(result).toEqual({ unpackedBytes: 3_000_000 + 'abcd'.length + '1550190683\n#!/bin/sh\n'.length });
  expect((await lstat(job.folder)).mode & 0o777).toBe(0o700);
  expect(await exists(job.stagingPath!)).toBe(false);
});

it.each(['000', '077'])('gives the same modes under the umask %s', async (umask) => {
  const { job, sign } = await aRelease(key);
  await sign(packedWith({ name: `${testTop}/unlisted/file`, mode: 0o777 }));
  const before = process.umask(umask);
  onTestFinished(() => void process.umask(before));
  await workerHere().do('unpack', job);
  expect(process.umask()).toBe(Number.parseInt(umask, 8));
  expect(await treeOf(job.folder)).toMatchObject({
    [testTop]: '755 folder',
    [`${testTop}/unlisted`]: '755 folder',
    [`${testTop}/unlisted/file`]: '755 ',
    [`${testTop}/VERSION`]: '644 1550190683\n',
  });
});

describe('without a verification before, as after a restart,', () => {
  it('a package is verified again, and then unpacked', async () => {
    const { job } = await aRelease(key, files);
    await workerHere().do('unpack', job);
    expect(await readFile(join(job.folder, testTop, 'box-config-daemon/lib/a.js'), 'utf8')).toBe('a\n');
  });

  it('a package that was altered meanwhile is refused, and nothing is written', async () => {
    const { job } = await aRelease(key, files);
    const bytes = await readFile(job.path);
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(job.path, bytes);
    expect(await codeOf(workerHere().do('unpack', job))).toBe('SIGNATURE_INVALID');
    expect(await exists(job.folder)).toBe(false);
  });

  it('another package is refused, however well it is signed', async () => {
    const { job } = await aRelease(key, files);
    expect(await codeOf(workerHere().do('unpack', { ...job, sha256: 'ab'.repeat(32) }))).toBe('SIGNATURE_INVALID');
    expect(await exists(job.folder)).toBe(false);
  });

  it('what another worker has left is not believed', async () => {
    const { job } = await aRelease(key, files);
    await mkdir(job.stagingPath!);
    await writeFile(join(job.stagingPath!, 'VERSION'), 'evil');
    await workerHere().do('unpack', job);
    expect(await readFile(join(job.folder, testTop, 'VERSION'), 'utf8')).toBe('1550190683\n');
  });
});

describe('between verification and use', () => {
  it('package and signature may be swapped: what was verified is what is used', async () => {
    const { job } = await aRelease(key, files);
    const worker = workerHere();
    await worker.do('verify', job);
    const evil = await aRelease(key, { 'box-config-daemon/run.sh': 'evil\n' });
    await workerHere().do('verify', evil.job);
    for (const name of ['path', 'signaturePath'] as const) {
      rmSync(job[name]);
      await symlink(evil.job[name], job[name]);
    }
    await worker.do('unpack', job);
    expect(await readFile(join(job.folder, testTop, 'box-config-daemon/run.sh'), 'utf8')).toBe('run\n');
  });

  it('another folder, or a link to one, in the place of what was judged is refused', async () => {
    const evil = await aRelease(key, { 'box-config-daemon/run.sh': 'evil\n' });
    await workerHere().do('verify', evil.job);
    for (const put of [rename, symlink]) {
      const { job } = await aRelease(key, files);
      const worker = workerHere();
      await worker.do('verify', job);
      rmSync(job.stagingPath!, { recursive: true });
      await put(evil.job.stagingPath!, job.stagingPath!);
      expect(await codeOf(worker.do('unpack', job))).toBe('ARCHIVE_CORRUPT');
      expect(await exists(job.folder)).toBe(false);
      if (put === rename) await rename(job.stagingPath!, evil.job.stagingPath!);
    }
  });

  it('a verification that fails takes back an earlier one of the same release', async () => {
    const { job } = await aRelease(key, files);
    const worker = workerHere();
    await worker.do('verify', job);
    await writeFile(job.path, 'evil');
    expect(await codeOf(worker.do('verify', job))).toBe('SIGNATURE_INVALID');
    expect(await codeOf(worker.do('unpack', job))).toBe('SIGNATURE_INVALID');
  });
});

describe('what lies in the place of the folder', () => {
  it('is gone afterwards', async () => {
    const { job } = await aRelease(key, files);
    await mkdir(join(job.folder, testTop), { recursive: true });
    await writeFile(join(job.folder, testTop, 'left-behind'), 'x');
    await workerHere().do('unpack', job);
    expect(await exists(join(job.folder, testTop, 'left-behind'))).toBe(false);
  });

  it('is not followed when it is a link', async () => {
    const { dir, job } = await aRelease(key, files);
    await mkdir(join(dir, 'victim'));
    await writeFile(join(dir, 'victim/precious'), 'x');
    await symlink(join(dir, 'victim'), job.folder);
    await workerHere().do('unpack', job);
    expect(await readdir(join(dir, 'victim'))).toEqual(['precious']);
    expect((await lstat(job.folder)).isDirectory()).toBe(true);
  });
});

it('leaves the reserve free, and nothing behind when there is too little', async () => {
  const { job } = await aRelease(key, files);
  const reserveBytes = Number.MAX_SAFE_INTEGER;
  expect(await codeOf(workerHere().do('verify', { ...job, reserveBytes }))).toBe('DISK_FULL');
  expect(await exists(job.stagingPath!)).toBe(false);
});

it('says so when the disk is full', async (test) => {
  const disk = smallDisk(200);
  if (!disk) return test.skip();
  const { job } = await aRelease(key, { large: 'x'.repeat(300_000) });
  expect(await codeOf(workerHere().do('unpack', { ...job, stagingPath: join(disk, 'staged') }))).toBe('DISK_FULL');
});
