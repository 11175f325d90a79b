import { execFileSync, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { makeSnapshot, restoreSnapshot, snapshotIntact } from '../../../../daemon/box/snapshot.ts';
import { imageNow, readImage, writeImage } from '../../../../daemon/box/undo/image.ts';
import { type Kept, lookAtUndo, noteAfter, prepareUndo } from '../../../../daemon/box/undo/selective.ts';
import { smallDisk } from '../../../support/small-disk.ts';
import { hardTree, lookAt } from '../../../support/whole-tree.ts';

const paths = ['/usr/local/box', '/etc/opq', '/etc/not-there'];
const sh = (script: string, cwd: string) => execFileSync('bash', ['-ec', script], { cwd, encoding: 'utf8' });
const look = (root: string, folders = ['usr/local/box', 'etc/opq', 'etc/not-there']) => lookAt(root, folders);
const nothing: Kept = { paths: [], but: [] };

/** A box before an update, its snapshot, and what an undo does to it. */
async function box(parent = tmpdir()) {
  const root = await mkdtemp(join(parent, 'opq-undo-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  sh(hardTree, root);
  const [previous, into, aside] = [join(root, 'previous'), join(root, 'new'), join(root, 'aside/u1')];
  await makeSnapshot(root, previous, paths, { update: 'u1', from: 1, to: 2 });
  return {
    root,
    previous,
    aside,
    before: look(root),
    /** The update, and what came after it. */
    async happens(update: string, others: string) {
      sh(update, root);
      await noteAfter(root, previous);
      sh(others, root);
    },
    async undo(kept = nothing) {
      const plan = await lookAtUndo(root, previous, kept);
      await prepareUndo(root, previous, { into, aside, kept, enough: async () => {} });
      expect(await snapshotIntact(into)).toBe(true);
      await restoreSnapshot(root, into);
      return plan;
    },
  };
}

/** What a release does to a tree: everything at once. */
const update = String.raw`
  rm -r usr/local/box; mkdir -p usr/local/box/lib etc/not-there/deep
  printf 'new\n' > usr/local/box/a; printf 'new\n' > usr/local/box/lib/-dash; ln -s a usr/local/box/hard; mkdir usr/local/box/brought
  printf 'new\n' > $'usr/local/box/lib/no\xff\xfeutf8'; printf 'new\n' > etc/not-there/deep/x; chmod 644 etc/opq/config; mkdir usr/local/box/nothing`;

it('brings every byte, mode, owner, time, link, hole and attribute back when nobody else changed anything', async () => {
  const { root, before, happens, undo, aside } = await box();
  await happens(update, ':');
  const { aside: kept, leave } = await undo();
  expect(look(root)).toEqual(before);
  expect({ kept, leave }).toEqual({ kept: [], leave: [] });
  expect(look(root, ['aside'])).toEqual([expect.stringContaining('is not there')]);
  expect(aside).toContain('u1');
});

it('leaves what others did as it is, to the last attribute', async () => {
  const { root, happens, undo } = await box();
  await happens(
    ':',
    String.raw`
    printf 'theirs\n' > etc/opq/config; setfattr -n user.new -v x etc/opq/config; chmod 4711 usr/local/box/a
    mkdir -p etc/not-there $'usr/local/box/dir\nof'; printf 'theirs\n' > $'usr/local/box/dir\nof/\xfe'; rm usr/local/box/dangling
    ln etc/opq/config etc/opq/second; truncate -s 5M usr/local/box/hollow; ln -s -- -dash usr/local/box/lib/a
    rm -r usr/local/box/empty; printf 'a file now\n' > usr/local/box/empty; rm usr/local/box/nothing; mkdir -m 700 usr/local/box/nothing
    touch -d '2011-11-11 11:11:11.111111111' usr/local/box usr/local/box/lib etc/opq usr/local/box/nothing`,
  );
  const theirs = look(root);
  const { restore } = await undo();
  expect(look(root)).toEqual(theirs);
  expect(restore).toEqual([]);
});

it('puts back what the update changed, keeps aside what others changed of that, and leaves the rest', async () => {
  const { root, before, happens, undo } = await box();
  await happens(
    update,
    String.raw`
    printf 'theirs\n' > etc/opq/mine; printf 'theirs\n' >> $'usr/local/box/lib/no\xff\xfeutf8'
    printf 'theirs\n' > usr/local/box/brought/data; printf 'theirs\n' > $'etc/not-there/deep/y\n'; chown 12:34 $'etc/not-there/deep/y\n'`,
  );
  const theirs = look(root, ['etc/opq/mine']);
  const plan = await undo();
  expect(look(root, ['etc/opq/mine'])).toEqual(theirs);
  expect(plan.leave).toEqual(['etc/opq/mine']);
  const aside = ['etc/not-there/deep/y\n', 'usr/local/box/brought/data', 'usr/local/box/lib/no\xff\xfeutf8'];
  expect(plan.aside).toEqual(aside);
  sh(String.raw`cmp <(printf 'new\ntheirs\n') $'aside/u1/usr/local/box/lib/no\xff\xfeutf8'`, root);
  expect(sh(`stat -c %u:%g $'aside/u1/etc/not-there/deep/y\\n'`, root)).toBe('12:34\n');
  sh('rm etc/opq/mine; touch -d "2010-01-01 00:00:00.123456789" etc/opq', root);
  expect(look(root)).toEqual(before);
});

it.each(['1970-01-01 00:00:00.000000123', '1969-12-31 23:59:59.5', '2038-02-03 04:05:06.789012345'])(
  'gives a folder that the update changed its time back, %s, with a file of others in it',
  async (time) => {
    const { root, previous, happens, undo } = await box();
    sh(`touch -d '${time} UTC' etc/opq`, root);
    await makeSnapshot(root, previous, paths, { update: 'u1' });
    const [folder] = look(root, ['etc/opq']);
    await happens('chmod 700 etc/opq', 'echo theirs > etc/opq/mine');
    await undo();
    expect(look(root, ['etc/opq'])[0]).toBe(folder);
    expect(sh('cat etc/opq/mine', root)).toBe('theirs\n');
  },
);

it('never touches what is to be kept, but for what proves the undo', async () => {
  const { root, happens, undo } = await box();
  sh('printf 1 > usr/local/box/VERSION', root);
  await makeSnapshot(root, join(root, 'previous'), paths, { update: 'u1' });
  await happens(
    `${update}; printf 2 > usr/local/box/VERSION; echo new > etc/opq/config`,
    'echo theirs >> etc/opq/config',
  );
  const theirs = look(root, ['etc/opq', 'usr/local/box/lib']);
  const { aside } = await undo({
    paths: ['/etc/opq/', '/usr/local/box/lib', '/usr/local/box/VERSION'],
    but: ['/usr/local/box/VERSION'],
  });
  expect(look(root, ['etc/opq', 'usr/local/box/lib'])).toEqual(theirs);
  expect(aside).toEqual([]);
  expect(sh('cat usr/local/box/VERSION', root)).toBe('1');
});

it.each(['lost', 'damaged'])('keeps all that differs aside when the note of what the update did is %s', async (how) => {
  const { root, before, previous, happens, undo } = await box();
  await happens('echo new > etc/opq/config', 'echo theirs > etc/opq/mine');
  if (how === 'lost') await rm(join(previous, 'after'));
  else sh(`sed -i s/opq/OPQ/ previous/after`, root);
  expect((await undo()).aside).toEqual(['etc/opq/config', 'etc/opq/mine']);
  sh('cmp <(echo new) aside/u1/etc/opq/config; cmp <(echo theirs) aside/u1/etc/opq/mine', root);
  expect(look(root)).toEqual(before);
});

it('may be prepared again after a cut, and comes to the same', async () => {
  const { root, previous, happens, undo } = await box();
  await happens(update, 'echo theirs > etc/opq/mine; echo theirs > usr/local/box/a');
  await mkdir(join(root, 'new.staging/usr/local/box'), { recursive: true });
  await writeFile(join(root, 'new.staging/usr/local/box/half'), '');
  await mkdir(join(root, 'aside/u1.making/half'), { recursive: true });
  await prepareUndo(root, previous, {
    into: join(root, 'new'),
    aside: join(root, 'aside/u1'),
    kept: nothing,
    enough: async () => {},
  });
  await undo();
  expect(sh('ls aside aside/u1/usr/local/box usr/local/box/half 2>/dev/null || true', root)).toBe(
    'aside:\nu1\n\naside/u1/usr/local/box:\na\n',
  );
});

it('says so, and leaves everything as it is, when there is no room', async () => {
  const root = smallDisk(1024);
  if (!root) return;
  sh('mkdir -p etc/opq; head -c 300000 /dev/urandom > etc/opq/large', root);
  await makeSnapshot(root, join(root, 'previous'), ['/etc/opq'], { update: 'u1' });
  const before = look(root);
  const how = { into: join(root, 'new'), aside: join(root, 'aside/u1'), kept: nothing, enough: async () => {} };
  await expect(prepareUndo(root, join(root, 'previous'), how)).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect(look(root)).toEqual(before);
  expect((await lookAtUndo(root, join(root, 'previous'), nothing)).need.bytes).toBeGreaterThan(600_000);
});

it('bears files that come and go while it looks', async () => {
  const { root } = await box();
  const writer = spawn(
    'bash',
    ['-c', 'while :; do for n in {1..40}; do : > etc/opq/$n; done; rm etc/opq/[0-9]*; done'],
    {
      cwd: root,
      stdio: 'ignore',
    },
  );
  onTestFinished(() => void writer.kill('SIGKILL'));
  for (let n = 0; n < 20; n++) expect((await imageNow(root, ['etc/opq'])).has('etc/opq/config')).toBe(true);
  expect(writer.exitCode).toBeNull();
});

it('reads an image as it was written, and one with a byte less or another not at all', async () => {
  const { root } = await box();
  const file = join(root, 'image');
  await writeImage(root, ['usr/local/box', 'etc/opq'], file);
  expect(await readImage(file)).toEqual(await imageNow(root, ['usr/local/box', 'etc/opq']));
  for (const damage of ['truncate -s -1 image', ': > image', 'rm image']) {
    sh(damage, root);
    expect(await readImage(file), damage).toBeUndefined();
  }
});
