import { execFileSync, spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { makeSnapshot } from '../../daemon/box/snapshot.ts';
import { exists } from '../../daemon/files.ts';
import { fillDisk, smallDisk } from '../support/small-disk.ts';

const guardProgram = fileURLToPath(new URL('../../systemd/guard.sh', import.meta.url));
const shells = { dash: ['dash'], busybox: ['busybox', 'sh'] } as const;

/** A box in a folder, with a release on trial: its file is new, the snapshot holds the old one. */
async function boxOnTrial(shell: readonly string[], disk?: string) {
  const root = disk ?? (await mkdtemp(join(tmpdir(), 'opq-guard-')));
  if (disk === undefined) onTestFinished(() => rm(root, { recursive: true, force: true }));
  const at = (path: string) => join(root, path);
  const trial = at('var/lib/opq-updater/trial');
  const state = at('var/lib/opq-updater');
  const put = async (path: string, text: string) => {
    await mkdir(join(at(path), '..'), { recursive: true });
    await writeFile(at(path), text);
  };
  await mkdir(state, { recursive: true });
  await put('etc/opq/release', 'old\n');
  const about = {
    update: 'u1',
    from: 1,
    to: 2,
    trial_boots: 3,
    trial_deadline_s: 1800,
    heartbeat_s: 600,
    script_timeout_s: 300,
  };
  await makeSnapshot(root, trial, ['/etc/opq', '/etc/added'], about);
  await put('etc/opq/release', 'new\n');
  await put('etc/opq/added', 'new\n');
  await put('etc/added/more', 'new\n');
  await put('uptime', '5.00 1.00\n');
  // Stands in for systemctl: writes down how it was called, and says that the machine goes down.
  await put('systemctl', `#!/bin/sh\necho "$*" >>${at('calls')}\n[ "$1" != show ] || echo Job=7\n`);
  await chmod(at('systemctl'), 0o755);
  const environment = { ...process.env, OPQ_ROOT: root, OPQ_UPTIME: at('uptime'), OPQ_SYSTEMCTL: at('systemctl') };
  return {
    at,
    trial,
    put,
    guard(verb: string, more: NodeJS.ProcessEnv = {}) {
      const [program, ...args] = shell;
      const env = { ...environment, ...more };
      return spawnSync(program!, [...args, guardProgram, verb], { env, encoding: 'utf8' }).status;
    },
    release: async () => (await readFile(at('etc/opq/release'), 'utf8')).trim(),
    added: () => Promise.all(['etc/opq/added', 'etc/added'].map((path) => exists(at(path)))),
    calls: async () => ((await exists(at('calls'))) ? (await readFile(at('calls'), 'utf8')).split('\n') : []),
    boots: async () => Number(await readFile(join(trial, 'boots'), 'utf8')),
    verdict: async () => ((await exists(join(trial, 'guard'))) ? readFile(join(trial, 'guard'), 'utf8') : undefined),
  };
}

describe.each(Object.entries(shells))('under %s the guard', (_, shell) => {
  it('does nothing where no release is on trial', async () => {
    const box = await boxOnTrial(shell);
    await rm(box.trial, { recursive: true });
    expect([box.guard('boot'), box.guard('watch')]).toEqual([0, 0]);
    expect(await box.release()).toBe('new');
    expect(await box.calls()).toEqual([]);
  });

  it('puts it back on a disk that the release has filled, in the room that the updater took for that', async ({
    skip,
  }) => {
    const disk = smallDisk(2048) ?? skip();
    const box = await boxOnTrial(shell, disk);
    await box.put('uptime', '1000.00 1.00\n');
    await writeFile(join(box.trial, 'spare'), Buffer.alloc(128 * 1024, 1));
    await fillDisk(box.at('full'));
    expect(box.guard('watch')).toBe(0);
    expect(await box.release()).toBe('old');
    expect(await box.verdict()).toBe('reason=heartbeat\n');
    // With marks that say why.
    expect(await exists(join(box.trial, 'guard-full-1'))).toBe(false);
  });

  it('puts it back three times at most where the disk is full to the last block', async ({ skip }) => {
    const box = await boxOnTrial(shell, smallDisk(2048) ?? skip());
    await box.put('uptime', '1000.00 1.00\n');
    await fillDisk(box.at('full'));
    for (const _ of [1, 2, 3]) {
      await writeFile(box.at('etc/opq/release'), 'new\n');
      await fillDisk(box.at('full-again'));
      expect(box.guard('watch')).toBe(0);
      expect(await box.release()).toBe('old');
      await rm(join(box.trial, 'guard'), { force: true });
    }
    await writeFile(box.at('etc/opq/release'), 'new\n');
    await fillDisk(box.at('full-again'));
    expect(box.guard('watch')).not.toBe(0);
    expect(await box.release()).toBe('new');
  });

  it('puts the earlier release back after three boots in which the updater never reported, and reboots', async () => {
    const box = await boxOnTrial(shell);
    for (const boot of [1, 2, 3]) {
      expect(box.guard('boot')).toBe(0);
      expect(await box.boots()).toBe(boot);
      expect(await box.release()).toBe('new');
    }
    expect(box.guard('boot')).toBe(0);
    expect(await box.release()).toBe('old');
    expect(await box.added()).toEqual([false, false]);
    expect(await box.verdict()).toBe('reason=boots\n');
    expect(await box.calls()).toContain('--no-block --check-inhibitors=no reboot');
  });

  it('begins its count again when the updater reports', async () => {
    const box = await boxOnTrial(shell);
    for (let boot = 0; boot < 9; boot++) {
      box.guard('boot');
      await box.put('var/lib/opq-updater/trial/boots', '0\n');
    }
    expect(await box.release()).toBe('new');
  });

  it('leaves a box alone whose updater gives signs of life', async () => {
    const box = await boxOnTrial(shell);
    await box.put('uptime', '1500.00 1.00\n');
    await box.put('run/opq-updater/heartbeat', '1000\n');
    await box.put('run/opq-updater/trial', '900\n');
    expect(box.guard('watch')).toBe(0);
    expect(await box.release()).toBe('new');
  });

  it.each([
    ['never came', undefined],
    ['stopped', '100\n'],
    ['cannot be read', 'garbage\n'],
  ])(
    'puts the earlier release back when the heartbeat %s, after it has ended what is left',
    async (_how, heartbeat) => {
      const box = await boxOnTrial(shell);
      await box.put('uptime', '701.90 1.00\n');
      if (heartbeat) await box.put('run/opq-updater/heartbeat', heartbeat);
      expect(box.guard('watch')).toBe(0);
      expect(await box.release()).toBe('old');
      expect(await box.verdict()).toBe('reason=heartbeat\n');
      const [kill, stop, reboot] = await box.calls();
      expect(kill).toMatch(/^kill .*opq-updater.service opq-updater-script.service$/);
      expect(stop).toMatch(/^stop .*opq-updater.service/);
      expect(reboot).toBe('--no-block --check-inhibitors=no reboot');
    },
  );

  it('ends a trial that outlasts its end though the updater lives', async () => {
    const box = await boxOnTrial(shell);
    await box.put('uptime', '4500.00 1.00\n');
    await box.put('run/opq-updater/heartbeat', '4490\n');
    // Twice the trial, the script's time and ten minutes.
    expect(box.guard('watch')).toBe(0);
    expect(await box.verdict()).toBe(undefined);
    await box.put('uptime', '4501.00 1.00\n');
    expect(box.guard('watch')).toBe(0);
    expect(await box.verdict()).toBe('reason=deadline\n');
  });

  it('leaves a stuck box whose updater lives to the person who is to come, and no other', async () => {
    const box = await boxOnTrial(shell);
    await box.put('run/opq-updater/stuck', '');
    await box.put('uptime', '99999.00 1.00\n');
    await box.put('run/opq-updater/heartbeat', '99990\n');
    expect(box.guard('watch')).toBe(0);
    expect(await box.calls()).toEqual([]);
    await box.put('run/opq-updater/heartbeat', '9\n');
    expect(box.guard('watch')).toBe(0);
    expect(await box.verdict()).toBe('reason=heartbeat\n');
  });

  it('does not put back twice: what it did is for the updater to finish', async () => {
    const box = await boxOnTrial(shell);
    await box.put('uptime', '701.00 1.00\n');
    box.guard('watch');
    await box.put('etc/opq/release', 'by the earlier release\n');
    expect([box.guard('boot'), box.guard('watch')]).toEqual([0, 0]);
    expect(await box.release()).toBe('by the earlier release');
  });

  it('goes on in the next boot with an undo that was cut off, before anything else can judge the mixture', async () => {
    const box = await boxOnTrial(shell);
    await box.put('uptime', '701.00 1.00\n');
    // The power fails in the middle: the guard goes with its restore program.
    await box.put('restore.sh', `echo mixed >${box.at('etc/opq/release')}\nkill -KILL $PPID\n`);
    box.guard('watch', { OPQ_RESTORE: box.at('restore.sh') });
    expect(await box.release()).toBe('mixed');
    expect(await box.verdict()).toBeUndefined();
    await box.put('uptime', '5.00 1.00\n');
    expect(box.guard('boot')).toBe(0);
    expect(await box.release()).toBe('old');
    expect(await box.verdict()).toBe('reason=heartbeat\n');
    expect(await box.calls()).toContain('--no-block --check-inhibitors=no reboot');
  });

  it('touches nothing when the snapshot is damaged, and does not reboot for ever', async () => {
    const box = await boxOnTrial(shell);
    await box.put('uptime', '701.00 1.00\n');
    execFileSync('truncate', ['--size=100', join(box.trial, 'tree.tar')]);
    for (let n = 0; n < 5; n++) box.guard('watch');
    expect(await box.release()).toBe('new');
    expect((await box.calls()).filter((call) => call.includes('reboot'))).toHaveLength(3);
    // Once a minute for years would wear the card out.
    expect(await readFile(join(box.trial, 'guard-tries'), 'utf8')).toBe('3\n');
    // Nothing is half done: an updater that comes up after all may judge the release.
    expect(await exists(join(box.trial, 'guard-begun'))).toBe(false);
  });

  it('leaves the updater running where it cannot put anything back at the start of a boot', async () => {
    const box = await boxOnTrial(shell);
    execFileSync('truncate', ['--size=100', join(box.trial, 'tree.tar')]);
    for (let boot = 0; boot < 9; boot++) {
      box.guard('boot');
      const calls = (await box.calls()).filter((call) => call !== '');
      if (calls.some((call) => call.startsWith('stop '))) {
        expect(calls.at(-1)).toMatch(/^--no-block start .*opq-updater.service$/);
      }
    }
    expect((await box.calls()).filter((call) => call.startsWith('stop '))).toHaveLength(3);
    expect((await box.calls()).filter((call) => call.includes('reboot'))).toEqual([]);
  });

  it('leaves the updater running on a box that does not reboot', async () => {
    const box = await boxOnTrial(shell);
    await box.put('uptime', '701.00 1.00\n');
    await box.put('systemctl', `#!/bin/sh\necho "$*" >>${box.at('calls')}\n! echo "$*" | grep -q reboot\n`);
    expect(box.guard('watch')).toBe(1);
    expect(await box.release()).toBe('old');
    const calls = (await box.calls()).filter((call) => call !== '');
    expect(calls.slice(-4).map((call) => call.split(' opq')[0])).toEqual([
      '--no-block --check-inhibitors=no reboot',
      '--force reboot',
      'daemon-reload',
      '--no-block start',
    ]);
  });

  it('tells an orderly shutdown from a cut, once', async () => {
    const box = await boxOnTrial(shell);
    const last = async () => (await readFile(box.at('run/opq-updater/last-shutdown'), 'utf8')).trim();
    box.guard('boot');
    expect(await last()).toBe('cut');
    box.guard('shutdown');
    box.guard('boot');
    expect(await last()).toBe('orderly');
    box.guard('boot');
    expect(await last()).toBe('cut');
  });

  it('knows a shutdown that comes while the box is still coming up', async () => {
    const box = await boxOnTrial(shell);
    await box.put('systemctl', '#!/bin/sh\n[ "$1" = show ] && echo Job=1021 || echo starting\n');
    box.guard('shutdown');
    expect(await exists(box.at('var/lib/opq-updater/orderly-shutdown'))).toBe(true);
  });

  it('takes no stop of its unit for a shutdown while the machine stays up', async () => {
    const box = await boxOnTrial(shell);
    await box.put('systemctl', '#!/bin/sh\necho ActiveState=inactive\n');
    box.guard('shutdown');
    expect(await exists(box.at('var/lib/opq-updater/orderly-shutdown'))).toBe(false);
  });
});
