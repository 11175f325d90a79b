import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { exists } from '../../../daemon/files.ts';
import { workerHere } from '../../../daemon/work/worker.ts';
import { codeOf } from '../../support/error-of.ts';
import { smallDisk } from '../../support/small-disk.ts';

const bytes = Buffer.alloc(300_000, 'package');
let stick = '';
let folder = '';
beforeEach(async () => {
  const dir = await mkdtemp(join(tmpdir(), 'opq-copy-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  [stick, folder] = [join(dir, 'stick'), join(dir, 'updater')];
  await mkdir(stick);
  await mkdir(folder);
  await writeFile(join(stick, 'package'), bytes);
  await writeFile(join(stick, 'package.sig'), 'signature\n');
});

const copy = (maxBytes = 1_000_000) =>
  workerHere().do('copy', {
    from: join(stick, 'package'),
    path: join(folder, 'package.unverified'),
    signaturePath: join(folder, 'package.sig'),
    maxBytes,
  });

it('brings a package and its signature from where a person has them, readable by nobody else', async () => {
  await writeFile(join(folder, 'package.unverified'), 'what an earlier try left');
  expect(await copy()).toEqual({ sizeBytes: bytes.length });
  expect((await readFile(join(folder, 'package.unverified'))).equals(bytes)).toBe(true);
  expect(await readFile(join(folder, 'package.sig'), 'utf8')).toBe('signature\n');
  for (const name of ['package.unverified', 'package.sig']) {
    expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
  }
});

it('says what is missing', async () => {
  await rm(join(stick, 'package.sig'));
  expect(await codeOf(copy())).toBe('SIGNATURE_MISSING');
  await writeFile(join(stick, 'package.sig'), 'signature\n');
  await rm(join(stick, 'package'));
  expect(await codeOf(copy())).toBe('NOT_FOUND');
});

it('does not copy what is over the limit', async () => {
  expect(await codeOf(copy(bytes.length - 1))).toBe('SIZE_MISMATCH');
  expect(await exists(join(folder, 'package.unverified'))).toBe(false);
  expect(await codeOf(copy(bytes.length))).toBe('no error');
});

const others: [string, (path: string) => unknown][] = [
  ['a folder', (path) => mkdir(path)],
  ['a link', (path) => symlink('/etc/passwd', path)],
  ['a pipe', (path) => execFileSync('mkfifo', [path])],
];
it.each(others)('takes %s neither for a package nor for a signature', async (_, make) => {
  for (const [name, code] of [
    ['package', 'NOT_FOUND'],
    ['package.sig', 'SIGNATURE_MISSING'],
  ] as const) {
    const good = await readFile(join(stick, name));
    await rm(join(stick, name));
    await make(join(stick, name));
    expect(await codeOf(copy())).toBe(code);
    await rm(join(stick, name), { recursive: true });
    await writeFile(join(stick, name), good);
  }
});

it('reads no more of a signature than one can have', async () => {
  await writeFile(join(stick, 'package.sig'), 'A'.repeat(1_000_000));
  await copy();
  expect((await stat(join(folder, 'package.sig'))).size).toBeLessThan(5000);
});

it('replaces a link that lies where the package goes', async () => {
  const victim = join(folder, 'victim');
  await writeFile(victim, 'precious');
  await symlink(victim, join(folder, 'package.unverified'));
  await copy();
  expect(await readFile(victim, 'utf8')).toBe('precious');
});

it('gives a full disk its space back', async (test) => {
  const disk = smallDisk(200);
  if (!disk) return test.skip();
  folder = disk;
  expect(await codeOf(copy())).toBe('DISK_FULL');
  expect(await exists(join(disk, 'package.unverified'))).toBe(false);
});
