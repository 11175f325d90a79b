import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readAbout } from '../../daemon/box/snapshot.ts';
import { clearUp } from '../../daemon/clear-up.ts';
import { handlers } from '../../daemon/control/handlers.ts';
import { startDaemon } from '../../daemon/daemon.ts';
import { follow, type Rest } from '../../daemon/engine.ts';
import { exists, renameSafely } from '../../daemon/files.ts';
import { readHistory } from '../../daemon/history.ts';
import { readJournal, saveJournal } from '../../daemon/journal.ts';
import type { At } from '../../daemon/machine.ts';
import { readQuarantine } from '../../daemon/quarantine.ts';
import { whereWeWere } from '../../daemon/resume.ts';
import { stuckMark } from '../../daemon/stuck-trial.ts';
import { openUpdates } from '../../daemon/updates.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { aKey } from '../support/a-key.ts';
import { anUpdate, aRelease, playedWorker, type Scene, scene, service } from '../support/fake-box.ts';
import { newVersion, oldVersion } from '../support/samples.ts';

const program = '/usr/local/box-config-daemon/run.sh';
const config = '/etc/opq/updater_config.json';
const next = { ...anUpdate, id: 'u2', from: newVersion, to: newVersion + 1 };

const packageOf = ({ version }: { version: number }) => ({ ...aRelease, sha256: String(version).padStart(64, '0') });

/** A box whose undo did not succeed: of two releases. What it is made of is played by `play`. */
async function stuckBox() {
  const play = { script: 'exit 1', restoreFails: true, stopFails: false };
  const over: Parameters<typeof scene>[0] = {
    async runScript() {
      await writeFile(box.places.at(program), `by the script: ${play.script}\n`);
      await writeFile(box.places.at('/usr/local/box-config-daemon/VERSION'), `${newVersion}\n`);
      if (play.script === 'exit 1') return { exitCode: 1, timedOut: false };
      await writeFile(box.places.at('/usr/local/box-config-daemon/VERSION'), `${next.to}\n`);
      return { exitCode: 0, timedOut: false };
    },
    async stopService(name) {
      if (play.stopFails) throw new UpdateError('SERVICE_NOT_STOPPED', 'played');
      box.services.set(name, { state: 'inactive', restarts: 0, byHand: false });
    },
  };
  const box: Scene = await scene(over, { verify: packageOf });
  const { restore } = box.box;
  (box.box as { restore: typeof restore }).restore = async (folder) => {
    if (play.restoreFails) throw new UpdateError('RESTORE_FAILED', 'played');
    await restore(folder);
  };
  await mkdir(box.places.at('/etc/opq-updater/keys'), { recursive: true });
  await writeFile(box.places.at('/etc/opq-updater/keys/publisher.pem'), aKey);
  const whole = await lookAt(box);
  const rest = await follow({ step: 'download', update: anUpdate }, box.tools);
  return { box, play, rest, whole };
}

const lookAt = async ({ places }: Scene) =>
  Promise.all([program, config].map((path) => readFile(places.at(path), 'utf8')));
const begin = ({ tools }: Scene): Promise<Rest> => follow({ step: 'download', update: next }, tools);
const unknownOffer = {
  ...{ channel: 'detached' as const, packageUrl: 'http://127.0.0.1:1/p', signatureUrl: 'http://127.0.0.1:1/p.sig' },
  ...{ sizeBytes: 1000, sha256: null, hardware: null, notes: null, components: null },
};
const snapshots = async ({ places }: Scene) => {
  const [trial, stuck] = await Promise.all([readAbout(places.trial), readAbout(places.stuckTrial)]);
  return { trial: trial.update, stuck: stuck.update };
};

it('is stuck with its services started, and keeps the way back', async () => {
  const { box, rest } = await stuckBox();
  expect(rest).toMatchObject({ step: 'stuck', stuckBecause: { code: 'RESTORE_FAILED' } });
  expect(box.services.get(service)).toMatchObject({ state: 'active' });
  expect(await snapshots(box)).toEqual({ trial: 'u1', stuck: undefined });
});

it('gets out of it by a release that is good, and then has no half release to go back to', async () => {
  const { box, play } = await stuckBox();
  play.script = 'good';
  const rest = await begin(box);
  expect(rest).toMatchObject({ step: 'idle', because: null });
  expect(await snapshots(box)).toEqual({ trial: undefined, stuck: 'u1' });
  await clearUp(rest as At<'idle'>, box.tools);
  expect(await exists(box.places.stuckTrial)).toBe(false);
  expect(await readAbout(box.places.previous)).toMatchObject({ update: 'u2', whole: 'no' });
});

it('is of the older release, whole, when the next one fails too', async () => {
  const { box, play, whole } = await stuckBox();
  play.restoreFails = false;
  const rest = await begin(box);
  expect(rest).toMatchObject({
    step: 'idle',
    because: { code: 'INSTALL_SCRIPT_FAILED' },
    update: { from: oldVersion },
  });
  expect(await lookAt(box)).toEqual(whole);
  expect(await box.version()).toBe(String(oldVersion));
  expect(await snapshots(box)).toEqual({ trial: undefined, stuck: undefined });
});

it('is stuck again, with the way back to the older release, when the undo of the next one fails as well', async () => {
  const { box, play, whole } = await stuckBox();
  expect(await begin(box)).toMatchObject({ step: 'stuck', update: { id: 'u2' } });
  expect(await snapshots(box)).toEqual({ trial: 'u2', stuck: 'u1' });
  // And a third one, which keeps the oldest.
  const third = { ...next, id: 'u3' };
  expect(await follow({ step: 'download', update: third }, box.tools)).toMatchObject({ step: 'stuck' });
  expect(await snapshots(box)).toEqual({ trial: 'u3', stuck: 'u1' });
  play.restoreFails = false;
  box.nextBoot('cut');
  const { at } = await whereWeWere(box.tools);
  expect(at.step).toBe('rollback');
  expect(await follow(at, box.tools)).toMatchObject({ step: 'idle', update: { from: oldVersion } });
  expect(await lookAt(box)).toEqual(whole);
  expect(await snapshots(box)).toEqual({ trial: undefined, stuck: undefined });
});

it('keeps the old way back when the next update ends before it has one of its own', async () => {
  const { box, play } = await stuckBox();
  play.stopFails = true;
  expect(await begin(box)).toMatchObject({ step: 'idle', because: { code: 'SERVICE_NOT_STOPPED' } });
  expect(await snapshots(box)).toEqual({ trial: 'u1', stuck: undefined });
});

it('goes on in the step "stop" when it was cut there, and does not take the old snapshot for its own', async () => {
  const { box, play } = await stuckBox();
  play.script = 'good';
  const stopping: Parameters<typeof saveJournal>[1]['at'][] = [];
  await follow({ step: 'download', update: next }, box.tools, { arrived: (at) => void stopping.push(at) });
  const at = stopping.find(({ step }) => step === 'stop')!;
  for (const cut of ['before the renames', 'between them']) {
    const again = await stuckBox();
    again.play.script = 'good';
    await saveJournal(again.box.places, { at, bootId: 'boot-1', tries: 1 });
    if (cut === 'between them') await renameSafely(again.box.places.trial, again.box.places.stuckTrial);
    again.box.nextBoot('cut');
    const found = await whereWeWere(again.box.tools);
    expect(found.at.step, cut).toBe('stop');
    expect(await snapshots(again.box), cut).toEqual({ trial: 'u1', stuck: undefined });
    expect(await follow(found.at, again.box.tools), cut).toMatchObject({ step: 'idle', because: null });
  }
});

it('goes back to the older release when the journal is lost between the two renames', async () => {
  const { box, play, whole } = await stuckBox();
  await renameSafely(box.places.trial, box.places.stuckTrial);
  await writeFile(box.places.journal, 'garbage');
  play.restoreFails = false;
  const { at } = await whereWeWere(box.tools);
  expect(at).toMatchObject({ step: 'rollback', because: { code: 'JOURNAL_UNREADABLE' } });
  expect(await follow(at, box.tools)).toMatchObject({ step: 'idle' });
  expect(await lookAt(box)).toEqual(whole);
});

it('goes further back than the guard, which knows of one snapshot only', async () => {
  const { box, play, whole } = await stuckBox();
  play.restoreFails = true;
  await begin(box);
  await writeFile(`${box.places.trial}/guard`, 'reason=heartbeat\n');
  play.restoreFails = false;
  box.nextBoot('cut');
  const { at } = await whereWeWere(box.tools);
  expect(at.step).toBe('rollback');
  expect(await follow(at, box.tools)).toMatchObject({ step: 'idle', update: { from: oldVersion } });
  expect(await lookAt(box)).toEqual(whole);
});

it('does not bring back what a confirmed release has left behind it', async () => {
  const { box, play } = await stuckBox();
  play.script = 'good';
  await begin(box);
  box.nextBoot('cut');
  const { at } = await whereWeWere(box.tools);
  expect(at).toMatchObject({ step: 'idle', because: null });
  expect(await snapshots(box)).toEqual({ trial: undefined, stuck: 'u1' });
  await clearUp(at as At<'idle'>, box.tools);
  expect(await snapshots(box)).toEqual({ trial: undefined, stuck: undefined });
});

describe('a box that is stuck', () => {
  /** The daemon as it starts in the next boot, and again for as long as it reboots. */
  async function boots(code: 'RESTORE_FAILED' | 'SNAPSHOT_DAMAGED') {
    const { box, play, rest } = await stuckBox();
    const stuck = { ...rest, stuckBecause: { code, message: 'played', step: 'rollback' } } as At<'stuck'>;
    await saveJournal(box.places, { at: stuck, bootId: await box.box.bootId(), tries: 1 });
    if (code === 'SNAPSHOT_DAMAGED') await appendFile(join(box.places.trial, 'tree.tar'), 'rot');
    const reboots = () => box.calls.filter((call) => call.startsWith('reboot')).length;
    const hooks = { changed: () => {}, ended: () => {}, heldBack: async () => undefined };
    const daemon = async () => {
      const updates = openUpdates({ ...box.tools, newWorker: () => box.tools.worker }, hooks);
      await updates.start();
      await expect.poll(() => updates.resting).toBe(true);
      return updates;
    };
    return { box, play, reboots, daemon };
  }

  it('reboots by itself to try the undo again, three times', async () => {
    const { reboots, daemon } = await boots('RESTORE_FAILED');
    for (let n = 1; n <= 3; n++) {
      await daemon();
      await expect.poll(reboots).toBe(n);
    }
    expect((await daemon()).at).toMatchObject({ step: 'stuck', stuckBoots: 3 });
    await quiet();
    expect(reboots()).toBe(3);
  });

  it('is not stuck any more when what kept it is gone', async () => {
    const { play, reboots, daemon } = await boots('RESTORE_FAILED');
    await daemon();
    await expect.poll(reboots).toBe(1);
    play.restoreFails = false;
    const { at } = await daemon();
    expect(at).toMatchObject({ step: 'idle', because: { code: 'INSTALL_SCRIPT_FAILED' } });
  });

  it('takes a newer release by itself, as nobody may be there to bring one, and not the one that failed', async () => {
    const { box, play } = await boots('SNAPSHOT_DAMAGED');
    const offer = { ...unknownOffer, version: anUpdate.to };
    const newWorker = () => playedWorker(box.places, { latest: () => offer, verify: packageOf });
    const daemon = await startDaemon({ ...box.tools, newWorker }, { firstCheckMs: 2 ** 31 - 1 });
    onTestFinished(() => daemon.stop());
    const check = () => daemon.check({ install: true, by: 'schedule', counts: true });
    expect(await check()).toMatchObject({ begun: false });
    // The undo that is to be finished would put it back.
    const set = handlers.config_set({ key: 'jitter_s', value: 5 }, daemon);
    await expect(set).rejects.toMatchObject({ code: 'STUCK' });
    offer.version = next.to;
    play.script = 'good';
    expect(await check()).toMatchObject({ begun: true });
    await expect.poll(() => daemon.updates.resting && daemon.updates.at.step).toBe('idle');
    expect(await box.version()).toBe(String(next.to));
  });

  it('is what it was when an update comes to nothing there, and does not begin to count its reboots anew', async () => {
    const { box, play, reboots, daemon } = await boots('RESTORE_FAILED');
    for (let n = 1; n <= 3; n++) {
      await daemon();
      await expect.poll(reboots).toBe(n);
    }
    const updates = await daemon();
    play.stopFails = true;
    await updates.begin(next);
    await expect.poll(() => updates.resting).toBe(true);
    expect(updates.at).toMatchObject({ step: 'stuck', stuckBoots: 3, update: { id: 'u1' } });
    expect((await readHistory(box.places))[0]).toMatchObject({ id: 'u2', because: { code: 'SERVICE_NOT_STOPPED' } });
    await quiet();
    expect(reboots()).toBe(3);
    const found = await readJournal(box.places);
    expect(found).toMatchObject({ entry: { at: { step: 'stuck', update: { id: 'u1' } } } });
  });

  it('keeps its mark for the guard until somebody works on its copy', async () => {
    const { box, play, daemon } = await boots('SNAPSHOT_DAMAGED');
    const updates = await daemon();
    const seen = new Map<string, boolean>();
    const { sizeOf, runScript } = box.box;
    Object.assign(box.box, {
      sizeOf: async (...args: never[]) => {
        seen.set('snapshot', await exists(stuckMark(box.places)));
        return (sizeOf as (...all: never[]) => unknown)(...args);
      },
      runScript: async (...args: never[]) => {
        seen.set('install', await exists(stuckMark(box.places)));
        return (runScript as (...all: never[]) => unknown)(...args);
      },
    });
    play.script = 'good';
    await updates.begin(next);
    await expect.poll(() => updates.resting && updates.at.step).toBe('idle');
    expect([...seen]).toEqual([
      ['snapshot', true],
      ['install', false],
    ]);
  });

  it('does not take the release again that brought it there, whatever takes it out of it', async () => {
    const { box, daemon } = await boots('SNAPSHOT_DAMAGED');
    await daemon();
    const list = await readQuarantine(box.places);
    expect(list).toMatchObject([{ version: anUpdate.to, code: 'INSTALL_SCRIPT_FAILED' }]);
  });

  it('does not go back for ever by a copy that was not cleared up when it got out of it', async () => {
    const { box, play, daemon } = await boots('SNAPSHOT_DAMAGED');
    const updates = await daemon();
    play.script = 'good';
    await updates.begin(next);
    await expect.poll(() => updates.resting && updates.at.step).toBe('idle');
    await mkdir(box.places.stuckTrial);
    play.stopFails = true;
    await updates.begin({ ...next, id: 'u3', from: next.to, to: next.to + 1 });
    await expect.poll(() => updates.resting && updates.at.step).toBe('idle');
    expect(await exists(box.places.trial)).toBe(false);
    expect(await exists(box.places.stuckTrial)).toBe(false);
  });

  it('does not reboot where its copy is damaged, nor once a person has begun something else', async () => {
    const damaged = await boots('SNAPSHOT_DAMAGED');
    await damaged.daemon();
    await quiet();
    expect(damaged.reboots()).toBe(0);

    const helped = await boots('RESTORE_FAILED');
    const { clock } = helped.box.tools;
    const { sleep } = clock;
    let awake = () => {};
    clock.sleep = async () => {
      clock.sleep = sleep;
      await new Promise<void>((done) => {
        awake = done;
      });
    };
    const updates = await helped.daemon();
    helped.play.script = 'good';
    await updates.begin(next);
    await expect.poll(() => updates.resting && updates.at.step).toBe('idle');
    const before = helped.reboots();
    awake();
    await quiet();
    expect(helped.reboots()).toBe(before);
  });
});

/** Longer than the box would wait, whose clock runs fast. */
const quiet = () => new Promise((done) => setTimeout(done, 200));
