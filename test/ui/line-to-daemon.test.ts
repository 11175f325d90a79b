import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyUpdater } from '../support/an-updater.ts';
import { fakeDaemon } from '../support/fake-daemon.ts';
import { documents, runCli } from '../support/run-cli.ts';
import { statusWith } from '../support/samples.ts';

const nobody = 65_534;

describe('without a daemon', () => {
  it('exits 7 when there is no socket, and 7 when nobody listens at it any more', async () => {
    const daemon = await fakeDaemon();
    await daemon.stop();
    const { exitCode, stderr } = await runCli(['status'], { env: { OPQ_UPDATER_ROOT: daemon.root } });
    expect(exitCode).toBe(7);
    expect(stderr).toContain('DAEMON_UNREACHABLE');
  });

  it('says that the path of the folder is too long for a socket', async () => {
    const { exitCode, stderr } = await runCli(['status', '--root', `/tmp/${'x'.repeat(90)}`]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('at most 107 bytes');
  });
});

describe('as another user than root', () => {
  let folder: string;
  let path: string;
  // Where the tree lies, another user may not be able to read the bundle.
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'opq-cli-'));
    await chmod(folder, 0o755);
    path = join(folder, 'opq-updater.js');
    await copyUpdater(folder);
    for (const part of await readdir(folder)) await chmod(join(folder, part), 0o644);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  // Who is not root cannot become another user, but need not: a socket without modes shuts out its owner too.
  const how = () => (process.getuid?.() === 0 ? { path, uid: nobody } : { path });

  it('a member of the group of page.sock sees the status', async () => {
    const daemon = await fakeDaemon({}, { control: 0o000, page: 0o666 });
    const { exitCode, stdout } = await runCli(['status', '--root', daemon.root], how());
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('cellar') });
  });

  it('a member of that group may not pin keys: exit 8', async () => {
    const daemon = await fakeDaemon({}, { control: 0o000, page: 0o666 });
    const { exitCode, stdout } = await runCli(['keys', 'remove', 'x', '--json', '--root', daemon.root], how());
    expect(exitCode).toBe(8);
    expect(documents(stdout)).toMatchObject([{ code: 'NOT_PERMITTED' }]);
    expect(daemon.asked).toEqual([]);
  });

  it('anybody else may do nothing: exit 8', async () => {
    const daemon = await fakeDaemon({ status: statusWith({}) }, { control: 0o000, page: 0o000 });
    const { exitCode, stderr } = await runCli(['status', '--root', daemon.root], how());
    expect(exitCode).toBe(8);
    expect(stderr).toContain('NOT_PERMITTED');
  });

  it('a configuration that this user may not read: exit 8', async () => {
    const daemon = await fakeDaemon();
    const file = join(daemon.root, 'secret.json');
    await writeFile(file, '{}');
    await chmod(file, 0o000);
    expect((await runCli(['config', 'check', file], how())).exitCode).toBe(8);
  });
});
