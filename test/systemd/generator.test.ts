import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { makeSnapshot } from '../../daemon/box/snapshot.ts';

const program = fileURLToPath(new URL('../../systemd/generator.sh', import.meta.url));

/** A box in a folder; the operator has a drop-in of his own and has put a unit of his in the place of one of ours. */
async function boxOf(shell: readonly string[]) {
  const root = await mkdtemp(join(tmpdir(), 'opq-generator-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const put = async (path: string, text = '') => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  };
  for (const name of ['opq-updater.service', 'opq-updater-guard.service', 'opq-updater-watch.timer']) {
    await put(`usr/lib/systemd/system/${name}`, `ours: ${name}`);
  }
  await put('etc/systemd/system/opq-updater.service.d/proxy.conf', 'of the operator');
  await put('etc/systemd/system/opq-updater-watch.timer', 'of the operator');
  const wants = join(root, 'etc/systemd/system/multi-user.target.wants');
  await mkdir(wants);
  for (const name of ['opq-updater.service', 'box-config-daemon.service']) {
    await symlink(`/usr/lib/systemd/system/${name}`, join(wants, name));
  }
  const early = join(root, 'early');
  await mkdir(early);
  await mkdir(join(root, 'var/lib/opq-updater'), { recursive: true });
  return {
    put,
    mask: (name: string) => symlink('/dev/null', join(root, 'etc/systemd/system', name)),
    disable: (name: string) => rm(join(wants, name)),
    beginTrial: () => makeSnapshot(root, join(root, 'var/lib/opq-updater/trial'), ['/etc/systemd/system'], {}),
    /** What wins over /etc/systemd/system at the next boot: name to where a link leads, or to what is in a file. */
    async generated() {
      const [command, ...args] = [...shell, program, join(root, 'normal'), early, join(root, 'late')];
      expect(spawnSync(command!, args, { env: { ...process.env, OPQ_ROOT: root } }).status).toBe(0);
      const found: Record<string, string> = {};
      for (const entry of await readdir(early, { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name);
        if (entry.isDirectory()) continue;
        found[path.slice(early.length + 1)] = await (entry.isSymbolicLink() ? readlink(path) : readFile(path, 'utf8'));
      }
      return found;
    },
  };
}

describe.for([
  ['dash', ['dash']],
  ['busybox', ['busybox', 'sh']],
] as const)('The generator, run by %s,', ([, shell]) => {
  it('keeps updater and guard in force when a script masked them and the power went', async () => {
    const box = await boxOf(shell);
    await box.beginTrial();
    await box.mask('opq-updater.service');
    await box.mask('opq-updater-guard.service');
    expect(await box.generated()).toEqual({
      'opq-updater.service': 'ours: opq-updater.service',
      'opq-updater-guard.service': 'ours: opq-updater-guard.service',
    });
  });

  it('takes the force from what a script laid over them, and leaves what the operator has there', async () => {
    const box = await boxOf(shell);
    await box.beginTrial();
    await box.put('etc/systemd/system/opq-updater.service.d/zz.conf', '[Service]\nExecStart=\n');
    await box.mask('opq-updater-guard.service.d');
    await box.put('etc/systemd/system/opq-updater-watch.service.d/x.conf');
    expect(await box.generated()).toEqual({
      'opq-updater.service.d/zz.conf': '/dev/null',
      'opq-updater-watch.service.d/x.conf': '/dev/null',
    });
  });

  it('keeps the updater enabled when a script disabled it', async () => {
    const box = await boxOf(shell);
    await box.beginTrial();
    await box.disable('opq-updater.service');
    await box.disable('box-config-daemon.service');
    const link = 'multi-user.target.wants/opq-updater.service';
    expect(await box.generated()).toEqual({ [link]: '/usr/lib/systemd/system/opq-updater.service' });
  });

  it('leaves the updater disabled that the operator had disabled', async () => {
    const box = await boxOf(shell);
    await box.disable('opq-updater.service');
    await box.beginTrial();
    expect(await box.generated()).toEqual({});
  });

  it('does nothing while no release is on trial', async () => {
    const box = await boxOf(shell);
    await box.mask('opq-updater.service');
    expect(await box.generated()).toEqual({});
  });

  it('does nothing about what is none of ours', async () => {
    const box = await boxOf(shell);
    await box.beginTrial();
    await box.mask('box-config-daemon.service');
    await box.mask('opq-updater-unknown.service');
    expect(await box.generated()).toEqual({});
  });
});
