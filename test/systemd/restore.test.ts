import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { makeSnapshot, snapshotHolds } from '../../daemon/box/snapshot.ts';
import { smallDisk } from '../support/small-disk.ts';

const program = fileURLToPath(new URL('../../systemd/restore.sh', import.meta.url));
const shells = { dash: ['dash'], busybox: ['busybox', 'sh'] } as const;
const paths = ['/usr/local/box', '/etc/opq', '/etc/not-there'];

const sh = (script: string, cwd: string) => execFileSync('bash', ['-ec', script], { cwd, encoding: 'utf8' });

/** A tree with all that makes a copy hard: odd names, modes, links, times, attributes where the disk has them. */
const plant = `
  mkdir -p usr/local/box/lib etc/opq
  printf 'a\\n' > usr/local/box/a; chmod 4751 usr/local/box/a
  printf 'b\\n' > 'usr/local/box/lib/with space'; touch -d '2001-02-03 04:05:06.789' 'usr/local/box/lib/with space'
  printf 'c\\n' > usr/local/box/lib/-dash; printf 'd\\n' > $'usr/local/box/lib/line\\nend'; printf 'e\\n' > usr/local/box/lib/ü
  ln usr/local/box/a usr/local/box/hard; ln -s ../nowhere usr/local/box/dangling; ln -s lib usr/local/box/link
  mkdir usr/local/box/empty; chmod 1770 usr/local/box/empty; truncate -s 1M usr/local/box/sparse
  printf 'f\\n' > etc/opq/config; chmod 600 etc/opq/config
  touch -d '2010-01-01 00:00:00' usr/local/box/lib etc/opq
  setfattr -n user.opq -v yes etc/opq/config 2>/dev/null || true
  [ "$(id -u)" -ne 0 ] || chown 1234:5678 usr/local/box/lib/ü`;

/** Everything about the tree that must come back. */
const look = (root: string): string =>
  sh(
    `find usr/local/box etc/opq etc/not-there -printf '%P %y %m %U %G %T@ %l %n\\n' 2>/dev/null | sort
     find usr/local/box etc/opq -type f -exec sha256sum {} + | sort
     getfattr -R -d -m - etc/opq 2>/dev/null || true`,
    root,
  );

async function box() {
  const root = await mkdtemp(join(tmpdir(), 'opq-restore-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  sh(plant, root);
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
    'brings every byte, mode, owner, time and link back after %s, and again',
    async (_what, damage) => {
      const { root, snapshot, before } = await box();
      sh(damage, root);
      for (const time of ['first', 'second']) {
        const { status, stderr } = restore(shell, snapshot, root);
        expect(status, `${time}: ${stderr}`).toBe(0);
        expect(look(root)).toBe(before);
        expect(await snapshotHolds(root, snapshot)).toBe(true);
      }
      const left = [...(await readdir(join(root, 'usr/local'))), ...(await readdir(join(root, 'etc')))];
      expect(left.sort()).toEqual(['box', 'opq']);
    },
  );

  it.each(['tree.tar', 'folders', 'absent', 'about', 'SHA256SUMS'])(
    'touches nothing when %s is damaged',
    async (name) => {
      const { root, snapshot } = await box();
      sh('echo x >> usr/local/box/a', root);
      const found = look(root);
      await writeFile(join(snapshot, name), 'usr\n');
      expect(restore(shell, snapshot, root).status).toBe(3);
      expect(look(root)).toBe(found);
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
