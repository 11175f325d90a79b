import { describe, expect, it, onTestFinished } from 'vitest';
import type { HistoryEntry } from '../../protocol/views.ts';
import { type FakeDaemon, fakeDaemon } from '../support/fake-daemon.ts';
import { documents, runCli, startCli } from '../support/run-cli.ts';
import { entryWith, fault, newVersion, oldVersion, statusWith, updating } from '../support/samples.ts';

const begun = () =>
  fakeDaemon({ install: { id: 'u1' }, rollback: { id: 'u1' }, history: [], status: statusWith(updating('download')) });
const waiting = (daemon: FakeDaemon, ...args: string[]) =>
  startCli(['install', '--wait', '--root', daemon.root, ...args]);
const atRest = (entry: HistoryEntry) => ({ state: 'idle' as const, update: null, last_update: entry });

describe('install --wait tells how it ended', () => {
  const verdicts: [string, Partial<HistoryEntry>, number][] = [
    ['0 when the release is confirmed', {}, 0],
    ['6 when the box was put back', { outcome: 'rolled back', because: fault('HEALTH_FAILED') }, 6],
    [
      '6 when the box was put back, whatever the reason',
      { outcome: 'rolled back', because: fault('VERSION_MISMATCH') },
      6,
    ],
    ['6 when a person undid it meanwhile', { outcome: 'undone', because: null }, 6],
    ['4 when the signature does not hold', { outcome: 'refused', because: fault('SIGNATURE_INVALID') }, 4],
    ['5 when the disk is too full', { outcome: 'refused', because: fault('DISK_FULL') }, 5],
    ['3 when the server went away', { outcome: 'failed', because: fault('SERVER_UNREACHABLE') }, 3],
    ['5 when somebody cancelled it', { outcome: 'cancelled', because: fault('CANCELLED') }, 5],
    ['6 when it failed and nobody knows why', { outcome: 'failed', because: null }, 6],
  ];
  for (const [title, changes, exitCode] of verdicts) {
    it(title, async () => {
      const daemon = await begun();
      const cli = waiting(daemon);
      await daemon.listened();
      daemon.say({ ...updating('verify') });
      daemon.say(atRest(entryWith({ script_tail: ['cp: no space'], ...changes })));
      const ended = await cli.ended;
      expect(ended.exitCode).toBe(exitCode);
      expect(ended.stdout).toContain(String(newVersion));
      if (exitCode !== 0 && changes.because) expect(ended.stderr).toContain(`${changes.because.code}: It happened.`);
      if (exitCode !== 0) expect(ended.stderr).toContain('cp: no space');
    });
  }

  it('6 when the box is stuck, as nobody can say when that ends', async () => {
    const daemon = await begun();
    const cli = waiting(daemon);
    await daemon.listened();
    const { update } = updating('restored');
    daemon.say({ state: 'stuck', update: { ...update!, step: 'stuck', because: fault('SNAPSHOT_DAMAGED') } });
    const { exitCode, stderr } = await cli.ended;
    expect(exitCode).toBe(6);
    expect(stderr).toContain('SNAPSHOT_DAMAGED');
  });

  it('finds the verdict further back in the history when another update has followed', async () => {
    const daemon = await begun();
    daemon.answer({
      history: [entryWith({ id: 'u2' }), entryWith({ outcome: 'refused', because: fault('QUARANTINED') })],
    });
    const cli = waiting(daemon);
    await daemon.listened();
    daemon.say(atRest(entryWith({ id: 'u2' })));
    expect((await cli.ended).exitCode).toBe(5);
  });

  it('1 when the daemon knows nothing of the update', async () => {
    const daemon = await fakeDaemon({ install: { id: 'u1' }, history: [] });
    const cli = waiting(daemon);
    const keepAlive = setInterval(() => daemon.send(': alive\n\n'), 200);
    onTestFinished(() => clearInterval(keepAlive));
    const { exitCode, stderr } = await cli.ended;
    expect(exitCode).toBe(1);
    expect(stderr).toContain('u1');
  });

  it('bears the moment between the end of the update and its line in the history', async () => {
    const daemon = await begun();
    const cli = waiting(daemon);
    await daemon.listened();
    for (let i = 0; i < 5; i++) daemon.say({ state: 'idle', update: null });
    daemon.say(atRest(entryWith({})));
    expect((await cli.ended).exitCode).toBe(0);
  });

  it('one line for each change of step where nobody watches', async () => {
    const daemon = await begun();
    const cli = waiting(daemon);
    await daemon.listened();
    for (let done = 1; done <= 100; done++) {
      daemon.say(updating('download', { done, total: 100, unit: 'bytes', bytes_per_s: 9, text: null }));
    }
    daemon.say(updating('unpack'));
    daemon.say(atRest(entryWith({})));
    const { stdout } = await cli.ended;
    const lines = stdout.split('\n');
    expect(lines).toEqual(expect.arrayContaining(['download: begun', 'download: done in 2 s', 'unpack: begun']));
    expect(lines.length).toBeLessThan(15);
  });
});

describe('over a reboot', () => {
  it('comes back to the daemon and tells the verdict, as JSON line by line', async () => {
    const daemon = await begun();
    const cli = waiting(daemon, '--json');
    await daemon.listened();
    daemon.say(updating('reboot'));
    await cli.shows('"reboot"');
    await daemon.stop();
    await cli.shows('"lost"');
    daemon.say({ ...updating('confirm'), boot_id: 'boot-2' });
    await daemon.start();
    await cli.shows('boot-2');
    daemon.say(atRest(entryWith({})));
    const { exitCode, stdout } = await cli.ended;
    expect(exitCode).toBe(0);
    const events = documents(stdout) as { event: string; outcome?: string }[];
    expect(events.filter(({ event }) => event === 'lost')).toHaveLength(1);
    expect(events[0]).toEqual({ event: 'begun', id: 'u1' });
    expect(events.at(-1)).toMatchObject({ event: 'verdict', outcome: 'confirmed' });
  });

  it('finds the verdict when the box was put back while nobody could listen', async () => {
    const daemon = await begun();
    const cli = waiting(daemon);
    await daemon.listened();
    daemon.say(updating('reboot'));
    await cli.shows('reboot: begun');
    await daemon.stop();
    await cli.shows('rebooting');
    daemon.say(atRest(entryWith({ outcome: 'rolled back', because: fault('HEALTH_FAILED'), step: 'confirm' })));
    await daemon.start();
    expect((await cli.ended).exitCode).toBe(6);
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`exits 9 on ${signal}: installed, not confirmed`, async () => {
      const daemon = await begun();
      const cli = waiting(daemon);
      await daemon.listened();
      daemon.say(updating('reboot'));
      await cli.shows('reboot: begun');
      cli.child.kill(signal);
      const { exitCode, stdout, stderr } = await cli.ended;
      expect(exitCode).toBe(9);
      expect(stderr).toContain('REBOOT_PENDING');
      expect(stdout).not.toContain('waiting for it');
    });
  }

  it('exits 9 when the box does not come back', async () => {
    const daemon = await begun();
    const cli = waiting(daemon, '--patience', '0');
    await daemon.listened();
    daemon.say(updating('reboot'));
    await cli.shows('reboot: begun');
    await daemon.stop();
    expect((await cli.ended).exitCode).toBe(9);
  });
});

describe('before the reboot', () => {
  it('bears a restart of the daemon', async () => {
    const daemon = await begun();
    const cli = waiting(daemon);
    await daemon.listened();
    await daemon.stop();
    await cli.shows('trying again');
    await daemon.start();
    await daemon.listened();
    daemon.say(atRest(entryWith({})));
    expect((await cli.ended).exitCode).toBe(0);
  });

  it('exits 7 when the daemon stays away', async () => {
    const daemon = await begun();
    const cli = waiting(daemon, '--patience', '0');
    await daemon.listened();
    await daemon.stop();
    expect((await cli.ended).exitCode).toBe(7);
  });

  it('ends by the signal and says that the update goes on', async () => {
    const daemon = await begun();
    const cli = waiting(daemon);
    await cli.shows('download: begun');
    cli.child.kill('SIGINT');
    const { signal, stderr } = await cli.ended;
    expect(signal).toBe('SIGINT');
    expect(stderr).toContain('goes on');
  });
});

describe('rollback --wait', () => {
  it('exits 0 when the earlier release runs again', async () => {
    const daemon = await fakeDaemon({
      rollback: { id: 'u1' },
      status: statusWith({ last_update: entryWith({ outcome: 'undone', because: fault('ROLLED_BACK') }) }),
    });
    const { exitCode, stdout } = await runCli(['rollback', '--wait', '--root', daemon.root]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(String(oldVersion));
  });

  it('does not take the old verdict of the update that is undone for its own', async () => {
    const confirmed = entryWith({});
    const daemon = await fakeDaemon({
      rollback: { id: 'u1' },
      history: [confirmed],
      status: statusWith({ ...updating('rollback'), last_update: confirmed }),
    });
    const cli = startCli(['rollback', '--wait', '--root', daemon.root]);
    await cli.shows('reboot: done');
    daemon.say({ state: 'idle', update: null });
    daemon.say({ last_update: entryWith({ outcome: 'undone', because: fault('ROLLED_BACK') }) });
    expect((await cli.ended).stdout).toContain('was undone');
  });

  it('exits 6 when it could not be put back', async () => {
    const daemon = await fakeDaemon({
      rollback: { id: 'u1' },
      status: statusWith({ last_update: entryWith({ outcome: 'failed', because: fault('RESTORE_FAILED') }) }),
    });
    expect((await runCli(['rollback', '--wait', '--root', daemon.root])).exitCode).toBe(6);
  });
});

describe('status --follow', () => {
  it('shows each change, over a restart of the daemon', async () => {
    const daemon = await fakeDaemon();
    const cli = startCli(['status', '--follow', '--root', daemon.root]);
    await cli.shows('at rest');
    await daemon.listened();
    daemon.say({ state: 'checking' });
    await cli.shows('asking the server');
    await daemon.stop();
    await cli.shows('trying again');
    daemon.say(updating('install'));
    await daemon.start();
    await cli.shows('install: begun');
    cli.child.kill();
    expect((await cli.ended).signal).toBe('SIGTERM');
  });

  it('exits 7 at once when there is no daemon to begin with', async () => {
    const daemon = await fakeDaemon();
    await daemon.stop();
    expect((await runCli(['status', '--follow', '--root', daemon.root])).exitCode).toBe(7);
  });
});

describe('log -f', () => {
  it('goes on after a restart and shows no line twice', async () => {
    const line = (text: string) => ({ at: '2026-03-01T10:00:00.000Z', level: 'info' as const, text });
    const daemon = await fakeDaemon({ log: [line('one'), line('two')] });
    const cli = startCli(['log', '-f', '--json', '--root', daemon.root]);
    await cli.shows('two');
    daemon.log(line('three'));
    await cli.shows('three');
    await daemon.stop();
    daemon.answer({ log: [line('two'), line('three'), line('four')] });
    await daemon.start();
    await cli.shows('four');
    cli.child.kill();
    const texts = documents((await cli.ended).stdout).map((event) => (event as { text?: string }).text);
    expect(texts).toEqual(['one', 'two', 'three', 'four']);
  });
});
