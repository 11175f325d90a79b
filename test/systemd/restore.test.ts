import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { makeSnapshot, snapshotHolds } from '../../daemon/box/snapshot.ts';
import { smallDisk } from '../support/small-disk.ts';
import { hardTree, lookAt } from '../support/whole-tree.ts';

const program = fileURLToPath(new URL('../../systemd/restore.sh', import.meta.url));
const shells = { dash: ['dash'], busybox: ['busybox', 'sh'] } as const;
const paths = ['/usr/local/box', '/etc/opq', '/etc/not-there'];

const sh = (script: string, cwd: string) => execFileSync('bash', ['-ec', script], { cwd, encoding: 'utf8' });

const look = (root: string) => lookAt(root, ['usr/local/box', 'etc/opq', 'etc/not-there']);

async function box() {
  const root = await mkdtemp(join(tmpdir(), 'opq-restore-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  sh(hardTree, root);
  const snapshot = join(root, 'snapshot');
  await makeSnapshot(root, snapshot, paths, { update: 'u1' });
  return { root, snapshot, before: look(root) };
}

const restore = (shell: readonly string[], snapshot: string, root: string) =>
  spawnSync(shell[0]!, [...shell.slice(1), program, snapshot, root], { encoding: 'utf8' });

/** What releases, and cuts in the middle of an earlier restore, leave behind. */
const damages: Readonly<Record<string, string>> = {
  nothing: ':',
  'changed files': 'echo x >> usr/local/box/a; chmod 777 etc/opq/config; rm usr/local/box/hard',
  'added and removed files': 'touch usr/local/box/new; mkdir -p etc/not-there/deep; rm -r usr/local/box/lib',
  'everything gone': 'rm -rf usr etc',
  'a file in place of a folder': 'rm -rf usr/local/box; echo x > usr/local/box',
  'a link in place of a folder': 'rm -rf usr/local/box; mkdir elsewhere; ln -s ../../elsewhere usr/local/box',
  'a cut before the old folder was moved away':
    'mkdir -p usr/local/.opq-restore-box.new/usr/local/box; touch usr/local/.opq-restore-box.new/usr/local/box/half',
  'a cut between the two renames':
    'mv usr/local/box usr/local/.opq-restore-box.old; mkdir -p usr/local/.opq-restore-box.new/usr/local',
  'a cut before the old folder was removed':
    'cp -a usr/local/box usr/local/.opq-restore-box.old; touch usr/local/.opq-restore-box.old/x',
};

describe.each(Object.entries(shells))('under %s the restore program', (_, shell) => {
  it.each(Object.entries(damages))(
    'brings every byte, mode, owner, time, link, hole and attribute back after %s, and again',
    async (_what, damage) => {
      const { root, snapshot, before } = await box();
      sh(damage, root);
      for (const time of ['first', 'second']) {
        const { status, stderr } = restore(shell, snapshot, root);
        expect(status, `${time}: ${stderr}`).toBe(0);
        expect(look(root)).toEqual(before);
        expect(await snapshotHolds(root, snapshot)).toBe(true);
      }
      const left = [...(await readdir(join(root, 'usr/local'))), ...(await readdir(join(root, 'etc')))];
      expect(left.sort()).toEqual(['box', 'opq']);
    },
  );

  it.each(['tree.tar', 'folders', 'absent', 'about', 'before', 'updater', 'SHA256SUMS'])(
    'touches nothing when %s is damaged',
    async (name) => {
      const { root, snapshot } = await box();
      sh('echo x >> usr/local/box/a', root);
      const found = look(root);
      await writeFile(join(snapshot, name), 'usr\n');
      expect(restore(shell, snapshot, root).status).toBe(3);
      expect(look(root)).toEqual(found);
    },
  );

  const versions = 'opt/opq-updater';
  /** What the link says, and which versions are marked: `1.2.0 1.3.0/bad`. */
  const updater = (root: string) =>
    sh(
      `cd ${versions} 2>/dev/null && echo $(readlink current || echo none) $(ls -d */bad *.new 2>/dev/null) || echo none`,
      root,
    ).trim();
  /** Version 1.3.0 on trial; the versions before the update are made first. */
  async function onTrial(before: string) {
    const root = await mkdtemp(join(tmpdir(), 'opq-restore-'));
    onTestFinished(() => rm(root, { recursive: true, force: true }));
    sh(`mkdir -p etc/opq; ${before}`, root);
    const snapshot = join(root, 'snapshot');
    await makeSnapshot(root, snapshot, ['/etc/opq'], { update: 'u1' });
    sh(`${lay('1.3.0')}; ln -sfn 1.3.0 ${versions}/current`, root);
    return { root, snapshot };
  }
  const lay = (version: string) => `mkdir -p ${versions}/${version}; touch ${versions}/${version}/opq-updater.js`;
  const inUse = (version: string) => `${lay(version)}; ln -sfn ${version} ${versions}/current`;

  it.each([
    ['the version that was in use', inUse('1.2.0'), '1.2.0 1.3.0/bad'],
    ['the factory copy', ':', 'none 1.3.0/bad'],
    [
      'the factory copy where the version in use was marked bad',
      `${inUse('1.2.0')}; touch ${versions}/1.2.0/bad`,
      'none 1.2.0/bad 1.3.0/bad',
    ],
    ['the factory copy where the link led out', `${lay('1.2.0')}; ln -s ../../x ${versions}/current`, 'none 1.3.0/bad'],
  ])('has %s start again, and marks the one on trial, however often', async (_what, before, after) => {
    const { root, snapshot } = await onTrial(before);
    for (let n = 0; n < 3; n++) {
      expect(restore(shell, snapshot, root)).toMatchObject({ status: 0, stderr: '' });
      expect(updater(root)).toBe(after);
    }
  });

  it.each([
    ['before anything was done', ':'],
    ['after the mark', `touch ${versions}/1.3.0/bad`],
    ['with the new link beside the old one', `touch ${versions}/1.3.0/bad; ln -s 1.2.0 ${versions}/current.new`],
    ['with half of a link of an earlier try', `ln -s 9.9.9 ${versions}/current.new`],
    ['after the link was put back', `touch ${versions}/1.3.0/bad; ln -sfn 1.2.0 ${versions}/current`],
  ])('puts the link back when it was cut off %s', async (_what, cut) => {
    const { root, snapshot } = await onTrial(inUse('1.2.0'));
    sh(cut, root);
    expect(restore(shell, snapshot, root)).toMatchObject({ status: 0, stderr: '' });
    expect(sh(`rm -f ${versions}/current.new; echo`, root)).toBe('\n');
    expect(updater(root)).toBe('1.2.0 1.3.0/bad');
  });

  it('marks nothing where the updater was not switched', async () => {
    const { root, snapshot } = await onTrial(inUse('1.2.0'));
    sh(`ln -sfn 1.2.0 ${versions}/current`, root);
    expect(restore(shell, snapshot, root).status).toBe(0);
    expect(updater(root)).toBe('1.2.0');
  });

  it('leaves the updater alone for a snapshot that knows nothing of it', async () => {
    const { root, snapshot } = await onTrial(inUse('1.2.0'));
    sh('rm updater; sed -i /updater/d SHA256SUMS', snapshot);
    expect(restore(shell, snapshot, root).status).toBe(0);
    expect(updater(root)).toBe('1.3.0');
  });

  it('brings the folders back, and says 4, where the link cannot be put back', async () => {
    const { root, snapshot } = await onTrial(inUse('1.2.0'));
    sh(`rm ${versions}/current; mkdir ${versions}/current; touch ${versions}/current/x etc/opq/new`, root);
    expect(restore(shell, snapshot, root).status).toBe(4);
    expect(await readdir(join(root, 'etc/opq'))).toEqual([]);
  });

  it('says how it is called', () => {
    expect(restore(shell, '/nowhere', '/').status).toBe(2);
  });
});

it('restores in place where the disk has no room for both', async () => {
  const root = smallDisk(2048);
  if (!root) return;
  sh('mkdir -p usr/local/box; head -c 600000 /dev/zero > usr/local/box/large', root);
  const elsewhere = await mkdtemp(join(tmpdir(), 'opq-restore-'));
  onTestFinished(() => rm(elsewhere, { recursive: true, force: true }));
  const snapshot = join(elsewhere, 'snapshot');
  await makeSnapshot(root, snapshot, ['/usr/local/box'], { update: 'u1' });
  sh('rm usr/local/box/large; head -c 100000000 /dev/zero > usr/local/box/filled 2>/dev/null || true', root);
  expect(restore(['sh'], snapshot, root)).toMatchObject({ status: 0 });
  expect(await readdir(join(root, 'usr/local/box'))).toEqual(['large']);
});
