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

  it.each(['tree.tar', 'folders', 'absent', 'about', 'before', 'SHA256SUMS'])(
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
