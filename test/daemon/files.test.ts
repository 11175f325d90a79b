import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  exists,
  moveSafely,
  openRegular,
  privateFolder,
  readIfThere,
  removeSafely,
  removeUnfinished,
  writeFileSafely,
} from '../../daemon/files.ts';
import { codeOf } from '../support/error-of.ts';
import { smallDisk } from '../support/small-disk.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'opq-files-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
});
const at = (name: string) => join(dir, name);

describe('a file that is moved safely', () => {
  it('is there with its mode and nowhere else, on the same mount', async () => {
    await writeFile(at('a'), 'one', { mode: 0o600 });
    await moveSafely(at('a'), at('b'));
    expect(await readdir(dir)).toEqual(['b']);
  });

  it('is there with its mode and nowhere else, on another mount', async (test) => {
    const other = smallDisk(1024);
    if (!other) return test.skip();
    await writeFile(at('a'), 'one', { mode: 0o600 });
    await moveSafely(at('a'), join(other, 'a'));
    expect(await readFile(join(other, 'a'), 'utf8')).toBe('one');
    expect((await stat(join(other, 'a'))).mode & 0o777).toBe(0o600);
    expect([await readdir(dir), (await readdir(other)).filter((name) => name !== 'lost+found')]).toEqual([[], ['a']]);
  });

  it('stays where it is when there is no room, and leaves nothing of itself there', async (test) => {
    const other = smallDisk(200);
    if (!other) return test.skip();
    await writeFile(at('a'), Buffer.alloc(300_000, 1));
    await expect(moveSafely(at('a'), join(other, 'a'))).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(await readdir(dir)).toEqual(['a']);
    expect((await readdir(other)).filter((name) => name !== 'lost+found')).toEqual([]);
  });
});

describe('a file that is written safely', () => {
  it('is there whole with its mode, and nothing is beside it', async () => {
    await writeFileSafely(at('a'), 'one');
    await writeFileSafely(at('a'), 'two', 0o644);
    expect(await readFile(at('a'), 'utf8')).toBe('two');
    expect((await stat(at('a'))).mode & 0o777).toBe(0o644);
    expect(await readdir(dir)).toEqual(['a']);
  });

  it('is one of the texts, whole, when many are written at once', async () => {
    const texts = Array.from({ length: 40 }, (_, n) => String(n).repeat(20_000));
    const results = await Promise.allSettled(texts.map((text) => writeFileSafely(at('a'), text)));
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(texts).toContain(await readFile(at('a'), 'utf8'));
    expect(await readdir(dir)).toEqual(['a']);
  });

  it('takes the place of a link and leaves alone what that leads to', async () => {
    await writeFile(at('victim'), 'precious');
    await symlink(at('victim'), at('a'));
    await writeFileSafely(at('a'), 'new');
    expect(await readFile(at('victim'), 'utf8')).toBe('precious');
    expect(await readFile(at('a'), 'utf8')).toBe('new');
  });

  it('stays as it was when the disk is full, and nothing is left of the new one', async (test) => {
    const disk = smallDisk(100);
    if (!disk) return test.skip();
    await writeFileSafely(join(disk, 'a'), 'old');
    expect(await codeOfErrno(writeFileSafely(join(disk, 'a'), 'x'.repeat(200_000)))).toBe('ENOSPC');
    expect(await readFile(join(disk, 'a'), 'utf8')).toBe('old');
    expect(await readdir(disk)).toEqual(['a']);
  });
});

describe('what is removed safely', () => {
  it('is gone, file or folder, whatever an earlier cut has left', async () => {
    for (const name of ['file', 'folder', 'folder.removed']) {
      if (name === 'file') await writeFile(at(name), '');
      else await mkdir(at(`${name}/deep`), { recursive: true });
    }
    for (const name of ['file', 'folder', 'nothing']) await removeSafely(at(name));
    expect(await readdir(dir)).toEqual([]);
  });

  it('and what was not written to its end is cleared up at the next start, and nothing else', async () => {
    await mkdir(at('trial.removed/deep'), { recursive: true });
    for (const name of ['journal.json.0a1b2c3d.new', 'orderly-shutdown.new']) await writeFile(at(name), 'half');
    const others = ['journal.json', 'news', 'snapshot-new'];
    for (const name of others) await writeFile(at(name), '');
    await removeUnfinished(dir);
    expect((await readdir(dir)).sort()).toEqual(others);
  });
});

const codeOfErrno = (work: Promise<unknown>): Promise<string | undefined> =>
  work.then(
    () => 'no error',
    (error: NodeJS.ErrnoException) => error.code,
  );

describe('a private folder', () => {
  it('is made for this user alone, with or without a slash at its end', async () => {
    for (const path of [at('a/b/c'), `${at('d/e')}/`]) {
      await privateFolder(path);
      await privateFolder(path);
      expect((await stat(path)).mode & 0o777).toBe(0o700);
    }
    expect((await stat(at('a/b'))).mode & 0o077).not.toBe(0);
  });

  const unsafe: [string, () => Promise<unknown>][] = [
    ['a link to a folder', () => mkdir(at('elsewhere')).then(() => symlink(at('elsewhere'), at('p')))],
    ['a link to nothing', () => symlink(at('nothing'), at('p'))],
    ['a link to itself', () => symlink('p', at('p'))],
    ['a file', () => writeFile(at('p'), '')],
    ['a folder that all may write to', () => mkdir(at('p')).then(() => chmod(at('p'), 0o777))],
    ['a folder that a group may write to', () => mkdir(at('p')).then(() => chmod(at('p'), 0o770))],
  ];
  it.each(unsafe)('is not %s', async (_, make) => {
    await make();
    expect(await codeOf(privateFolder(at('p')))).toBe('UNSAFE_FOLDER');
    expect(await codeOf(privateFolder(`${at('p')}/`))).toBe('UNSAFE_FOLDER');
    expect(await exists(at('nothing'))).toBe(false);
  });

  it.runIf(process.geteuid?.() === 0)('is not one that belongs to somebody else', async () => {
    await mkdir(at('p'), { mode: 0o700 });
    await chown(at('p'), 12_345, 12_345);
    expect(await codeOf(privateFolder(at('p')))).toBe('UNSAFE_FOLDER');
  });
});

describe('a file that is read', () => {
  it('may be missing', async () => {
    expect(await readIfThere(at('none'))).toBeUndefined();
    expect(await exists(at('none'))).toBe(false);
    await writeFile(at('file'), 'text');
    expect(await readIfThere(at('file'))).toBe('text');
    expect(await exists(at('file/below'))).toBe(false);
    await expect(readIfThere(dir)).rejects.toThrow();
  });

  it('through a handle is a plain file, not a folder, link or device', async () => {
    await writeFile(at('file'), 'text');
    await symlink(at('file'), at('link'));
    const file = await openRegular(at('file'));
    expect(await file.readFile('utf8')).toBe('text');
    await file.close();
    for (const path of [dir, at('link'), '/dev/zero']) expect(await codeOf(openRegular(path))).toBe('UNSAFE_FOLDER');
    expect(await codeOfErrno(openRegular(at('none')))).toBe('ENOENT');
  });
});
