import { execFileSync } from 'node:child_process';
import { existsSync, readlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect } from 'vitest';
import type { HistoryEntry } from '../../../protocol/views.ts';
import { badUpdater, bringing, builtVersion, type UpdaterFiles, workingUpdater } from '../../support/an-updater.ts';
import type { Publisher } from '../../support/publisher.ts';
import { it, oldRelease, type ScratchBox } from '../../support/scratch-box.ts';
import { expectUsable, expectWhole } from '../../support/scratch-expectations.ts';
import { held, type Release, release, type ScriptLines } from '../../support/scratch-release.ts';

const guardProgram = fileURLToPath(new URL('../../../systemd/guard.sh', import.meta.url));
const versions = 'opt/opq-updater';

const withUpdater = (
  n: number,
  updater: string,
  program: UpdaterFiles | string = workingUpdater(updater),
  script: ScriptLines = {},
): Release => release(oldRelease.version + n, { script, ...bringing(updater, program) });

/** Everything works but the last step of the start. */
const silencing = `{
  const files = require('node:fs');
  const { writeFileSync } = files;
  files.writeFileSync = (path, ...more) => String(path).endsWith('/heartbeat') || writeFileSync(path, ...more);
}`;

const current = ({ at }: ScratchBox): string | undefined =>
  existsSync(at(versions)) && existsSync(at(`${versions}/current`))
    ? readlinkSync(at(`${versions}/current`))
    : undefined;

async function update(box: ScratchBox, publisher: Publisher, wanted: Release): Promise<HistoryEntry> {
  return box.ended(await box.install(await publisher.stick(wanted)));
}

/** This version runs, from where it says, and nothing of another one is started. */
async function expectUpdater(box: ScratchBox, version: string): Promise<void> {
  const { updater_version, updater_program } = await box.status();
  expect(updater_version).toBe(version);
  expect(updater_program.startsWith(box.at(versions))).toBe(version !== builtVersion());
  expect(current(box)).toBe(version === builtVersion() ? undefined : version);
  // Once it is ready its starts count no more.
  await box.until('a ready updater', () => box.has('run/opq-updater/heartbeat'));
  expect(box.has(`run/opq-updater/starts-${version}`)).toBe(false);
}

describe.concurrent('A release that brings a version of the updater', () => {
  it('is confirmed by that version, and so is the next; the undo goes back to the one before', async ({
    newBox,
    publisher,
  }) => {
    const box = await newBox();
    await expectUpdater(box, builtVersion());
    for (const [n, version] of ['7.1.0', '7.2.0-rc.1', '7.2.0'].entries()) {
      const wanted = withUpdater(n + 1, version);
      expect(await update(box, publisher, wanted)).toMatchObject({ outcome: 'confirmed' });
      await expectUpdater(box, version);
      await expectWhole(box, wanted);
    }
    // What runs, and what an undo needs.
    expect(box.names(versions)).toEqual(['7.2.0', '7.2.0-rc.1', 'current']);
    expect((await box.cli('doctor')).last.find(({ name }: { name: string }) => name === 'updater').ok).toBe(true);

    expect((await box.cli('rollback', '--wait')).last).toMatchObject({ outcome: 'undone' });
    await expectUpdater(box, '7.2.0-rc.1');
    expect(box.names(versions)).toEqual(['7.2.0-rc.1', 'current']);
    await expectUsable(box, publisher);
  });

  it('that runs already, or an older one, is installed without it', async ({ newBox, publisher }) => {
    const box = await newBox();
    await update(box, publisher, withUpdater(1, '7.1.0'));
    for (const [n, version] of ['7.1.0', '0.0.1'].entries()) {
      // One that could not even be started.
      const wanted = withUpdater(n + 2, version, 'throw 1;');
      expect(await update(box, publisher, wanted)).toMatchObject({ outcome: 'confirmed' });
      await expectUpdater(box, '7.1.0');
      expect(box.names(versions)).toEqual(['7.1.0', 'current']);
    }
  });

  it('is confirmed also when its script reboots by itself', async ({ newBox, publisher }) => {
    const box = await newBox();
    const wanted = withUpdater(1, '7.1.0', workingUpdater('7.1.0'), { end: 'reboot' });
    expect(await update(box, publisher, wanted)).toMatchObject({ outcome: 'confirmed' });
    await expectUpdater(box, '7.1.0');
    await expectWhole(box, wanted);
  });

  it('is put back, updater and all, when its services fail', async ({ newBox, publisher }) => {
    const box = await newBox();
    await update(box, publisher, withUpdater(1, '7.1.0'));
    const failing = release(oldRelease.version + 2, {
      program: '#!/bin/sh\nexit 1\n',
      ...bringing('7.2.0', workingUpdater('7.2.0')),
    });
    const entry = await update(box, publisher, failing);
    expect(entry).toMatchObject({ outcome: 'rolled back', because: { code: 'HEALTH_FAILED' } });
    await expectUpdater(box, '7.1.0');
    await expectWhole(box, withUpdater(1, '7.1.0'));
    // The same version again, by a release that is good.
    expect(await update(box, publisher, withUpdater(3, '7.2.0'))).toMatchObject({ outcome: 'confirmed' });
    await expectUpdater(box, '7.2.0');
  });

  const { 'opq-updater-daemon.js': daemonPart = '', ...withoutDaemon } = workingUpdater('7.1.0');
  const torn = daemonPart.slice(0, daemonPart.length / 2);
  const unable: [string, string | UpdaterFiles][] = [
    ['says another version', badUpdater('7.1.1', '')],
    ['cannot be read by Node', 'this is no program'],
    ['ends without a word', 'process.exit(0);'],
    ['lacks a part', withoutDaemon],
    ['has a torn part', { ...withoutDaemon, 'opq-updater-daemon.js': torn }],
    ['says something else', 'console.log("opq-updater 7.1.0");'],
  ];
  it.for(unable)('is put back before the reboot when its program %s', async ([, program], { newBox, publisher }) => {
    const box = await newBox();
    const entry = await update(box, publisher, withUpdater(1, '7.1.0', program));
    expect(entry).toMatchObject({ outcome: 'rolled back', because: { code: 'UPDATER_BROKEN' }, step: 'install' });
    await expectUpdater(box, builtVersion());
    await expectWhole(box, oldRelease);
    expect(box.names(versions)).toEqual([]);
  });

  const dying: [string, string][] = [
    ['crashes', 'throw new Error("crashed")'],
    ['exits 0', 'process.exit(0)'],
  ];
  it.for(dying)('is put back when its daemon %s, by the factory copy', async ([, daemon], { newBox, publisher }) => {
    const box = await newBox();
    await update(box, publisher, withUpdater(1, '7.1.0'));
    const bad = withUpdater(2, '7.2.0', badUpdater('7.2.0', daemon));
    const entry = await update(box, publisher, bad);
    expect(entry).toMatchObject({ outcome: 'rolled back', because: { code: 'UPDATER_BROKEN' }, step: 'confirm' });
    expect(box.console()).toContain('7.2.0 was started 5 times');
    await expectUpdater(box, '7.1.0');
    await expectWhole(box, withUpdater(1, '7.1.0'));
    expect(box.names(versions)).toEqual(['7.1.0', 'current']);
    await expectUsable(box, publisher);
  });

  const silent: [string, string][] = [
    ['hangs', 'for (;;);'],
    ['waits for ever and never gets ready', 'setInterval(() => {}, 1000)'],
  ];
  it.for(silent)('is put back by the guard when its daemon %s', async ([, daemon], { newBox, publisher }) => {
    const box = await newBox();
    await update(box, publisher, withUpdater(1, '7.1.0'));
    const id = await box.install(await publisher.stick(withUpdater(2, '7.2.0', badUpdater('7.2.0', daemon))));
    await box.until('the start of the new version', () => box.has('run/opq-updater/starts-7.2.0'));
    // Silent for longer than it may be; what it would reboot with only says that it did.
    writeFileSync(box.at('var/uptime'), '5000.00 1.00\n');
    writeFileSync(box.at('var/systemctl'), `#!/bin/sh\necho "$*" >>${box.at('var/calls')}\n`, { mode: 0o755 });
    execFileSync('sh', [guardProgram, 'watch'], {
      env: {
        ...process.env,
        OPQ_ROOT: box.root,
        OPQ_UPTIME: box.at('var/uptime'),
        OPQ_SYSTEMCTL: box.at('var/systemctl'),
      },
    });
    expect(current(box)).toBe('7.1.0');
    expect(box.has(`${versions}/7.2.0/bad`)).toBe(true);
    await box.cutPower();
    await box.boot();
    expect(await box.ended(id)).toMatchObject({ outcome: 'rolled back', because: { code: 'GUARD_RESTORED' } });
    await expectUpdater(box, '7.1.0');
    await expectWhole(box, withUpdater(1, '7.1.0'));
    expect(box.names(versions)).toEqual(['7.1.0', 'current']);
    await expectUsable(box, publisher);
  });

  it('is not confirmed by a version that works but never gets ready', async ({ newBox, publisher }) => {
    const box = await newBox({ config: { trial_deadline_s: 60, health_stable_s: 0 } });
    const whole = workingUpdater('7.1.0');
    const silent = { ...whole, 'opq-updater.js': whole['opq-updater.js']!.replace('\n', `\n${silencing}\n`) };
    const entry = await update(box, publisher, withUpdater(1, '7.1.0', silent));
    expect(entry).toMatchObject({ outcome: 'rolled back', because: { code: 'UPDATER_BROKEN' }, step: 'confirm' });
    await expectUpdater(box, builtVersion());
    await expectWhole(box, oldRelease);
  });
});

describe.concurrent('A box that gets a new updater and is cut off from power comes to one release, with its updater', () => {
  it.for(['install', 'reboot', 'confirm'])('in the step %s', async (step, { newBox, publisher }) => {
    const box = await newBox({ config: { health_stable_s: 1 } });
    const wanted = withUpdater(1, '7.1.0', workingUpdater('7.1.0'), { end: step === 'install' ? held : '' });
    const id = await box.install(await publisher.stick(wanted));
    await box.reaches(step, id);
    if (step === 'install') await box.until('the end of the script', () => box.has('var/held'));
    await box.cutPower();
    await box.boot();
    const isNew = (await box.ended(id)).outcome === 'confirmed';
    expect(isNew).toBe(step !== 'install');
    await expectWhole(box, isNew ? wanted : oldRelease);
    await expectUpdater(box, isNew ? '7.1.0' : builtVersion());
  });
});

it('starts the factory copy when a version that was confirmed does not start any more, and says so', async ({
  newBox,
  publisher,
}) => {
  const box = await newBox();
  await update(box, publisher, withUpdater(1, '7.1.0'));
  await box.shutdown();
  writeFileSync(box.at(`${versions}/7.1.0/opq-updater.js`), 'torn');
  await box.boot();
  expect((await box.status()).updater_version).toBe(builtVersion());
  const { exitCode, last } = await box.cli('doctor');
  expect(exitCode).toBe(5);
  expect(last.find(({ name }: { name: string }) => name === 'updater')).toMatchObject({ ok: false });
  // And a release can mend it.
  expect(await update(box, publisher, withUpdater(2, '7.1.1'))).toMatchObject({ outcome: 'confirmed' });
  await expectUpdater(box, '7.1.1');
});
