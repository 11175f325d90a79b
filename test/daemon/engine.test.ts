import { readFileSync } from 'node:fs';
import { appendFile, chmod, mkdir, readFile, readlink, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readAbout, restoreSnapshot } from '../../daemon/box/snapshot.ts';
import { follow, maxTries, type Rest, steps } from '../../daemon/engine.ts';
import { exists, renameSafely } from '../../daemon/files.ts';
import { readJournal, saveJournal } from '../../daemon/journal.ts';
import { type At, edges, failsTo } from '../../daemon/machine.ts';
import { addToQuarantine, readQuarantine } from '../../daemon/quarantine.ts';
import { whereWeWere } from '../../daemon/resume.ts';
import { maxStuckBoots } from '../../daemon/stuck-trial.ts';
import type { Tools } from '../../daemon/tools.ts';
import { beginUndo } from '../../daemon/undo-previous.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { badUpdater } from '../support/an-updater.ts';
import { anUpdate, aRelease, pinKey, type Scene, scene, service } from '../support/fake-box.ts';
import { newVersion, oldVersion } from '../support/samples.ts';
import { fillDisk, smallDisk } from '../support/small-disk.ts';

const begin: At<'download'> = { step: 'download', update: anUpdate };

/** Follows an update to its rest: the steps it went through, and where it ended. */
async function run(box: Scene, start: At = begin): Promise<{ trace: string[]; rest: Rest }> {
  await pinKey(box);
  const trace: string[] = [];
  const rest = await follow(start, box.tools, { arrived: ({ step }) => void trace.push(step) });
  return { trace, rest };
}

/** An update that has come as far as its confirmation, and the process that ended there. */
async function readyToConfirm(box: Scene): Promise<At<'confirm'>> {
  let found: At | undefined;
  const arrived = (at: At) => {
    found = at;
    if (at.step === 'confirm') throw new Error('as far as this');
  };
  await pinKey(box);
  await expect(follow(begin, box.tools, { arrived })).rejects.toThrow('as far as this');
  return found as At<'confirm'>;
}

const upTo = (step: string) => {
  const way = ['download', 'verify', 'unpack', 'snapshot', 'stop', 'install', 'reboot', 'confirm'];
  return way.slice(0, way.indexOf(step) + 1);
};

it('takes a good release through every step and confirms it after the reboot', async () => {
  const box = await scene();
  const { trace, rest } = await run(box);
  expect(trace).toEqual([...upTo('confirm'), 'idle']);
  expect(rest).toMatchObject({ step: 'idle', because: null });
  expect(box.calls).toEqual([`stopService ${service}`, 'runScript', 'reboot orderly']);
  expect(await box.version()).toBe(String(newVersion));
  expect(await exists(box.places.trial)).toBe(false);
  expect(await exists(box.places.previous)).toBe(true);
});

it('has each position on the disk before its step acts', async () => {
  const box = await scene();
  const seen: string[] = [];
  const before = { ...box.box };
  for (const name of ['stopService', 'runScript', 'reboot'] as const) {
    (box.box as unknown as Record<string, unknown>)[name] = async (...args: never[]) => {
      const found = await readJournal(box.places);
      if (found.kind === 'entry') seen.push(`${name} in ${found.entry.at.step}`);
      return (before[name] as (...all: never[]) => unknown)(...args);
    };
  }
  await run(box);
  expect(seen).toEqual(['stopService in stop', 'runScript in install', 'reboot in reboot']);
});

const early = new UpdateError('SIGNATURE_INVALID', 'played');
it.each(['copy', 'verify', 'unpack'] as const)('changes nothing when "%s" fails', async (task) => {
  const failing = () => {
    throw early;
  };
  const box = await scene({}, { [task]: failing });
  const { rest } = await run(box);
  expect(rest).toMatchObject({ step: 'idle', because: { code: 'SIGNATURE_INVALID' } });
  expect(box.calls).toEqual([]);
  expect(await box.version()).toBe(String(oldVersion));
});

it('touches nothing when its position cannot be written down', async () => {
  const fetched: string[] = [];
  const box = await scene(
    {},
    {
      copy: () => {
        fetched.push('copy');
        return { sizeBytes: 1 };
      },
    },
  );
  await mkdir(join(box.places.state, 'journal.json'));
  await expect(run(box)).rejects.toThrow();
  expect(fetched).toEqual([]);
  expect(box.calls).toEqual([]);
});

it('puts the earlier release back when the stop fails right after it put the box on trial', async () => {
  let asked = 0;
  const box = await scene({
    bootId: async () => {
      // At the begin of the walk, and when the step has done its work.
      if (++asked === 2) throw new UpdateError('DISK_FAILED', 'played');
      return 'boot-1';
    },
  });
  const { trace, rest } = await run(box);
  expect(trace.slice(0, 6)).toEqual([...upTo('stop'), 'rollback']);
  expect(rest).toMatchObject({ because: { code: 'DISK_FAILED', step: 'stop' } });
  expect(await exists(box.places.trial)).toBe(false);
});

it('puts the earlier release back when the trial cannot even be judged', async () => {
  const box = await scene({
    service: async () => {
      if (box.calls.includes('reboot orderly') && !box.calls.includes('restore'))
        throw new UpdateError('INTERNAL', 'played');
      return { state: 'active', restarts: 0, byHand: false };
    },
  });
  const { trace, rest } = await run(box);
  expect(trace).toEqual([...upTo('confirm'), ...wayBack]);
  expect(rest).toMatchObject({ because: { code: 'INTERNAL', step: 'confirm' } });
  expect(await box.version()).toBe(String(oldVersion));
});

it('puts the earlier release back when VERSION is another one after the reboot', async () => {
  const box = await scene({
    reboot: async () => {
      if (!box.calls.includes('restore')) {
        await writeFile(box.places.at('/usr/local/box-config-daemon/VERSION'), `${oldVersion + 1}\n`);
      }
      box.nextBoot('orderly');
    },
  });
  const { rest } = await run(box);
  expect(rest).toMatchObject({ because: { code: 'WRONG_VERSION_INSTALLED', step: 'confirm' } });
  expect(await box.version()).toBe(String(oldVersion));
});

it('bears two boots of a trial that the mains cut short, and puts the earlier release back after the third', async () => {
  for (const [cutBoots, code] of [
    [2, null],
    [3, 'POWER_LOST'],
  ] as const) {
    const box = await scene();
    const ready = await readyToConfirm(box);
    const { rest } = await run(box, { ...ready, cutBoots });
    expect(rest.because?.code ?? null).toBe(code);
  }
});

it('keeps the last that a service wrote, which it writes when it is stopped', async () => {
  const file = '/usr/local/box-config-daemon/measured';
  const box = await scene({
    stopService: async () => writeFile(box.places.at(file), 'the last of it\n'),
    async runScript() {
      await rm(box.places.at(file));
      return { exitCode: 1, timedOut: false };
    },
  });
  const { rest } = await run(box);
  expect(rest).toMatchObject({ because: { code: 'INSTALL_SCRIPT_FAILED' } });
  expect(await readFile(box.places.at(file), 'utf8')).toBe('the last of it\n');
});

it.each([
  ['blames a release whose services do not come up', 'failed', true],
  ['does not blame a release for the mains', 'active', false],
] as const)('%s', async (_, state, blamed) => {
  const box = await scene();
  const ready = await readyToConfirm(box);
  box.services.set(service, { state, restarts: 0, byHand: false });
  box.tools.clock.monotonic = fastClock();
  const { rest } = await run(box, { ...ready, cutBoots: blamed ? 0 : 3 });
  expect(rest.because?.code).toBe(blamed ? 'HEALTH_FAILED' : 'POWER_LOST');
  expect((await readQuarantine(box.places)).map(({ sha256 }) => sha256)).toEqual(blamed ? [aRelease.sha256] : []);
});

it('takes a release that failed here again only when a person insists', async () => {
  for (const [retry, code] of [
    [false, 'QUARANTINED'],
    [true, null],
  ] as const) {
    const box = await scene();
    const bad = { sha256: aRelease.sha256, version: newVersion, code: 'HEALTH_FAILED', at: '2026-03-01T10:00:00.000Z' };
    await addToQuarantine(box.places, bad);
    const { rest } = await run(box, { ...begin, update: { ...anUpdate, retry } });
    expect(rest.because?.code ?? null).toBe(code);
  }
});

it('starts the services again when one of them does not stop', async () => {
  const stopService = async () => {
    throw new UpdateError('SERVICE_NOT_STOPPED', 'played');
  };
  const box = await scene({ stopService });
  const { trace, rest } = await run(box);
  expect(trace).toEqual([...upTo('stop'), 'idle']);
  expect(rest).toMatchObject({ because: { code: 'SERVICE_NOT_STOPPED', step: 'stop' } });
  expect(box.calls).toEqual([`stopService ${service}`, `startService ${service}`]);
});

const wayBack = ['rollback', 'restored', 'idle'];
const failures: [string, string, number | null, string, Partial<Record<'timedOut', boolean>>][] = [
  ['ends with 3', 'INSTALL_SCRIPT_FAILED', 3, '', {}],
  ['is killed', 'INSTALL_SCRIPT_FAILED', null, '', {}],
  ['never ends', 'INSTALL_TIMED_OUT', null, '', { timedOut: true }],
  ['says that the disk was full and ends with 0', 'WRITE_FAILED', 0, 'cp: No space left on device\n', {}],
];
it.each(failures)(
  'puts the earlier release back when install_update.sh %s',
  async (_, code, exitCode, output, more) => {
    const box = await scene({
      async runScript({ onOutput }) {
        await writeFile(box.places.at('/usr/local/box-config-daemon/run.sh'), 'half of the new\n');
        onOutput(output);
        return { exitCode, timedOut: false, ...more };
      },
    });
    const { trace, rest } = await run(box);
    expect(trace).toEqual([...upTo('install'), ...wayBack]);
    expect(rest).toMatchObject({ step: 'idle', because: { code, step: 'install' } });
    expect(await readFile(box.places.at('/usr/local/box-config-daemon/run.sh'), 'utf8')).toBe('old\n');
    expect(box.calls.slice(-3)).toEqual([`stopService ${service}`, 'restore', 'reboot orderly']);
  },
);

const folder = '/usr/local/box-config-daemon';
/** A script that is confined as on a real box: it has emptied the folder, which itself stays. */
const removing = (exitCode: number, more = '') =>
  scene({
    async runScript({ onOutput }) {
      onOutput(`rm: cannot remove '${folder}': Device or resource busy\n${more}`);
      return { exitCode, timedOut: false };
    },
  });

it('takes a script that goes on when it could only empty its folder, not remove it', async () => {
  const { rest } = await run(await removing(0));
  expect(rest).toMatchObject({ because: null });
});

it('says that a folder can only be emptied to one whose script fails at it', async () => {
  const { rest } = await run(await removing(1));
  expect(rest).toMatchObject({ because: { code: 'INSTALL_SCRIPT_FAILED' } });
  expect(rest.because?.message).toContain(`${folder}/*`);
});

it('does not take a script that could not write elsewhere as well', async () => {
  const box = await removing(0, "rm: cannot remove '/usr/local/other': Read-only file system\n");
  expect((await run(box)).rest).toMatchObject({ because: { code: 'WRITE_FAILED' } });
});

it('puts the earlier release back when the gateway answered before and does not afterwards', async () => {
  let looks = 0;
  const box = await scene({ gateway: async () => (looks++ === 0 ? 'answers' : 'silent') });
  box.tools.clock.monotonic = fastClock();
  const { rest } = await run(box);
  expect(rest).toMatchObject({ because: { code: 'NETWORK_LOST', step: 'confirm' } });
  // Patiently: a Wi-Fi comes back when it likes.
  expect(looks).toBeGreaterThan(3);
});

it('takes a gateway that is gone altogether for one that does not answer', async () => {
  let looks = 0;
  const box = await scene({ gateway: async () => (looks++ === 0 ? 'answers' : 'none') });
  box.tools.clock.monotonic = fastClock();
  expect((await run(box)).rest).toMatchObject({ because: { code: 'NETWORK_LOST', step: 'confirm' } });
});

it('waits for a gateway that comes back late', async () => {
  const answers = ['answers', 'silent', 'none', 'answers'] as const;
  let look = 0;
  const box = await scene({ gateway: async () => answers[look++]! });
  expect((await run(box)).rest).toMatchObject({ because: null });
  expect(look).toBe(answers.length);
});

it('confirms without a gateway when none answered before', async () => {
  const box = await scene({ gateway: async () => 'silent' });
  expect((await run(box)).rest).toMatchObject({ because: null });
});

it('puts the earlier release back when VERSION names a third one', async () => {
  const box = await scene({
    async runScript() {
      await writeFile(box.places.at('/usr/local/box-config-daemon/VERSION'), '1550199999\n');
      return { exitCode: 0, timedOut: false };
    },
  });
  const { rest } = await run(box);
  expect(rest).toMatchObject({ because: { code: 'WRONG_VERSION_INSTALLED' } });
  expect(await box.version()).toBe(String(oldVersion));
});

it('puts a release back, and remembers it, that masks a unit of the updater', async () => {
  let mask = '';
  const box = await scene({
    ownUnits: async () => ({ 'opq-updater.service': 'loaded', 'opq-updater-guard.service': `loaded${mask}` }),
    async runScript() {
      mask = ' masked';
      return { exitCode: 0, timedOut: false };
    },
    async restore() {
      mask = '';
    },
  });
  const { rest } = await run(box, { ...begin, update: { ...anUpdate, sha256: 'ab'.repeat(32) } });
  expect(rest).toMatchObject({ because: { code: 'UPDATER_TAMPERED', step: 'install' } });
  expect(box.calls).toContain('restore');
  expect(await exists(`${box.places.state}/quarantine.json`)).toBe(true);
});

it('writes VERSION for a script that leaves it alone', async () => {
  const box = await scene({ runScript: async () => ({ exitCode: 0, timedOut: false }) });
  const { rest } = await run(box);
  expect(rest).toMatchObject({ because: null });
  expect(await box.version()).toBe(String(newVersion));
});

it('removes what a release added when it puts the earlier one back', async () => {
  const box = await scene();
  box.box.service = async () => ({
    state: (await box.version()) === String(newVersion) ? 'failed' : 'active',
    restarts: 0,
    byHand: false,
  });
  await writeFile(
    box.places.config,
    JSON.stringify({ server_url: 'http://127.0.0.1:1/', health_stable_s: 0, reserve_bytes: 0, trial_deadline_s: 60 }),
  );
  box.tools.clock.monotonic = fastClock();
  const { trace, rest } = await run(box);
  expect(trace).toEqual([...upTo('confirm'), ...wayBack]);
  expect(rest).toMatchObject({ because: { code: 'HEALTH_FAILED', step: 'confirm' } });
  expect(await exists(box.places.at('/etc/opq/added-by-the-release'))).toBe(false);
});

/** A box whose state lies on a disk of its own that is soon full. */
async function sceneOnSmallDisk(disk: string, ...what: Parameters<typeof scene>): Promise<Scene> {
  const box = await scene(...what);
  await rm(box.places.state, { recursive: true });
  await symlink(disk, box.places.state);
  return box;
}

it('puts a release back that fills the disk as soon as it runs, and has written down that it does', async ({
  skip,
}) => {
  const disk = smallDisk(1024) ?? skip();
  const box = await sceneOnSmallDisk(disk, {
    async reboot() {
      if (!(await exists(join(disk, 'full')))) await fillDisk(join(disk, 'full'));
      box.nextBoot('orderly');
    },
  });
  const written: string[] = [];
  await pinKey(box);
  // At once: a moment later it is that of the next step.
  const arrived = () => void written.push(JSON.parse(readFileSync(box.places.journal, 'utf8')).at.step);
  const rest = await follow(begin, box.tools, { arrived });
  expect(rest).toMatchObject({ step: 'idle', because: { code: 'DISK_FULL', step: 'confirm' } });
  expect(await box.version()).toBe(String(oldVersion));
  expect(written).toContain('rollback');
  expect(await exists(box.places.trial)).toBe(false);
});

it('gives an update up, with all that it fetched and copied, when the disk is full of that', async ({ skip }) => {
  const disk = smallDisk(1024) ?? skip();
  const unpack = async () => {
    await mkdir(box.places.newSnapshot);
    await fillDisk(join(box.places.newSnapshot, 'full'));
  };
  const box = await sceneOnSmallDisk(disk, {}, { unpack });
  const { trace, rest } = await run(box);
  expect(trace).toEqual(['download', 'verify', 'unpack', 'idle']);
  expect(rest).toMatchObject({ because: { code: 'DISK_FULL', step: 'snapshot' } });
  expect(await exists(box.places.newSnapshot)).toBe(false);
  expect(box.calls).toEqual([]);
});

it('confirms though the disk cannot read what the copy of the release before says of itself', async () => {
  const box = await scene();
  // A folder in place of a file cannot be read, as a file cannot whose sectors are gone.
  await mkdir(join(box.places.previous, 'about'), { recursive: true });
  expect((await run(box)).rest).toMatchObject({ because: null });
  expect((await readAbout(box.places.previous)).update).toBe(anUpdate.id);
});

it('confirms with the update server down and the services as they were', async () => {
  const box = await scene();
  box.services.set(service, { state: 'failed', restarts: 5, byHand: false });
  const { rest } = await run(box);
  expect(rest).toMatchObject({ because: null });
});

it('starts a service that ran though no boot starts it, in the new release and after an undo', async () => {
  const byHand = { state: 'active', restarts: 0, byHand: true } as const;
  const good = await scene();
  good.services.set(service, byHand);
  expect((await run(good)).rest).toMatchObject({ because: null });
  expect(good.calls).toEqual([`stopService ${service}`, 'runScript', 'reboot orderly', `startService ${service}`]);

  const bad = await scene({ runScript: async () => ({ exitCode: 1, timedOut: false }) });
  bad.services.set(service, byHand);
  expect((await run(bad)).rest).toMatchObject({ because: { code: 'INSTALL_SCRIPT_FAILED' } });
  expect(bad.services.get(service)?.state).toBe('active');
});

it('does not start for a new release what a boot started before', async () => {
  const box = await scene();
  box.tools.clock.monotonic = fastClock();
  const nextBoot = box.box.reboot;
  box.box.reboot = async () => {
    await nextBoot('orderly');
    if ((await box.version()) === String(newVersion)) await box.tools.box.stopService(service);
  };
  expect((await run(box)).rest).toMatchObject({ because: { code: 'HEALTH_FAILED' } });
  expect(box.calls.slice(0, box.calls.indexOf('restore'))).not.toContain(`startService ${service}`);
});

const refused = new UpdateError('REBOOT_FAILED', 'played');

it('asks a box that does not take the order to reboot again, and forces it at last', async () => {
  const ways: string[] = [];
  const box = await scene({
    async reboot(way) {
      ways.push(way);
      if (way === 'orderly') throw refused;
      box.nextBoot('cut');
    },
  });
  expect((await run(box)).rest).toMatchObject({ because: null });
  expect(ways).toEqual(['orderly', 'orderly', 'orderly', 'orderly', 'forced']);
});

it('forces a box to reboot that took the order and stays up', async () => {
  const ways: string[] = [];
  const box = await scene({
    async reboot(way) {
      ways.push(way);
      if (way === 'forced') box.nextBoot('cut');
    },
  });
  box.tools.clock.monotonic = fastClock();
  expect((await run(box)).rest).toMatchObject({ because: null });
  expect(ways).toEqual(['orderly', 'forced']);
});

it('puts the earlier release back on a box that cannot be made to reboot, and waits there for a person', async () => {
  const box = await scene({
    async reboot() {
      throw refused;
    },
  });
  const { trace, rest } = await run(box);
  expect(trace).toEqual([...upTo('reboot'), 'rollback', 'restored', 'stuck']);
  expect(rest).toMatchObject({ because: { code: 'REBOOT_FAILED' }, stuckBecause: { code: 'REBOOT_FAILED' } });
  expect(await box.version()).toBe(String(oldVersion));
});

it('is stuck, not idle, when the copy of the earlier release is damaged, and touches nothing then', async () => {
  const box = await scene({
    async runScript() {
      await writeFile(`${box.places.trial}/tree.tar`, 'rotten');
      await writeFile(box.places.at('/usr/local/box-config-daemon/run.sh'), 'half\n');
      return { exitCode: 1, timedOut: false };
    },
  });
  const { rest } = await run(box);
  expect(rest).toMatchObject({ step: 'stuck', stuckBecause: { code: 'SNAPSHOT_DAMAGED' } });
  expect(await readFile(box.places.at('/usr/local/box-config-daemon/run.sh'), 'utf8')).toBe('half\n');
});

it('tries a stuck undo again at the next boots, and not for ever', async () => {
  const box = await scene({
    async runScript() {
      await writeFile(`${box.places.trial}/tree.tar`, 'rotten');
      return { exitCode: 1, timedOut: false };
    },
  });
  await run(box);
  const found: string[] = [];
  for (let boot = 0; boot < 5; boot++) {
    box.nextBoot('cut');
    const { at } = await whereWeWere(box.tools);
    found.push(at.step);
    if (at.step === 'rollback') await follow(at, box.tools);
  }
  expect(found).toEqual(['rollback', 'rollback', 'rollback', 'stuck', 'stuck']);
});

it('gives a step up that was begun too often', async () => {
  const box = await scene();
  await saveJournal(box.places, { at: begin, bootId: 'boot-1', tries: maxTries });
  const { at, tries } = await whereWeWere(box.tools);
  const rest = await follow(at, box.tools, { tries });
  expect(rest).toMatchObject({ step: 'idle', because: { code: 'TOO_MANY_TRIES' } });
});

it('starts the services again when it gives up a step in which they are down', async () => {
  for (const step of ['stop', 'undo'] as const) {
    const box = await scene();
    const saved: At[] = [];
    await run(box, begin);
    await follow(begin, box.tools, { arrived: (at) => void saved.push(at) });
    const stopped = saved.find((at) => at.step === 'stop') as At<'stop'>;
    const at = step === 'stop' ? stopped : { ...(await beginUndo(box.tools)), baseline: stopped.baseline };
    await box.box.stopService(service);
    box.calls.length = 0;
    expect(await follow(at, box.tools, { tries: maxTries })).toMatchObject({
      because: { code: 'TOO_MANY_TRIES', step },
    });
    expect(box.calls).toEqual([`startService ${service}`]);
  }
});

it('keeps the way back of before when its own promotion was cut off and it is put back after all', async () => {
  const box = await scene();
  await run(box);
  const { trial, previous } = box.places;
  const before = await readAbout(previous);
  // As a cut between the two renames leaves it.
  await box.box.snapshot(trial, ['/usr/local/box-config-daemon'], {
    update: 'u2',
    from: newVersion,
    to: newVersion + 1,
  });
  await renameSafely(previous, `${previous}.outdated`);
  await writeFile(box.places.journal, 'garbage');
  const { at } = await whereWeWere(box.tools);
  expect(await follow(at, box.tools)).toMatchObject({ step: 'idle', because: { code: 'JOURNAL_UNREADABLE' } });
  expect(await readAbout(previous)).toEqual(before);
  expect(await exists(`${previous}.outdated`)).toBe(false);
});

it('puts the earlier release back when the journal is lost on trial, and rests when it is lost at rest', async () => {
  const box = await scene();
  await run(box);
  for (const text of ['', 'garbage', '{"format":99}', undefined]) {
    await (text === undefined ? rm(box.places.journal, { force: true }) : writeFile(box.places.journal, text));
    expect((await whereWeWere(box.tools)).at.step).toBe('idle');
  }
  const trying = await scene();
  await run(trying, begin);
  await trying.box.snapshot(trying.places.trial, ['/usr/local/box-config-daemon'], {
    update: 'u1',
    from: oldVersion,
    to: newVersion,
  });
  await writeFile(trying.places.journal, '{"at":{"step":"conf');
  const { at } = await whereWeWere(trying.tools);
  expect(at).toMatchObject({ step: 'rollback', because: { code: 'JOURNAL_UNREADABLE' }, update: { from: oldVersion } });
  expect(await exists(`${trying.places.journal}.bad-1`)).toBe(true);
});

it('reaches every step from rest, rest from every step, and fails only along edges', () => {
  const all = Object.keys(edges) as (keyof typeof edges)[];
  const reach = (from: keyof typeof edges) => {
    const seen = new Set<string>();
    const visit = (step: keyof typeof edges) => {
      for (const next of edges[step]) {
        if (seen.has(next)) continue;
        seen.add(next);
        visit(next);
      }
    };
    visit(from);
    return seen;
  };
  expect([...reach('idle')].sort()).toEqual([...all].sort());
  for (const step of all) expect(reach(step).has('idle'), step).toBe(true);
  for (const [step, to] of Object.entries(failsTo)) expect(edges[step as keyof typeof edges]).toContain(to);
  expect(Object.keys(steps).sort()).toEqual(all.filter((step) => step !== 'idle' && step !== 'stuck').sort());
});

/** A clock of which each look is five seconds later. */
function fastClock(): () => number {
  let ms = 0;
  return () => (ms += 5000);
}

it('stops no service for a copy that is damaged, and starts those that the update stopped', async () => {
  const box = await scene({
    async runScript() {
      await writeFile(`${box.places.trial}/tree.tar`, 'rotten');
      box.calls.length = 0;
      return { exitCode: 1, timedOut: false };
    },
  });
  await run(box);
  expect(box.calls).toEqual([`startService ${service}`]);
});

it('puts the earlier release back though a service of the bad one does not stop', async () => {
  let stops = 0;
  const box = await scene({
    async stopService() {
      if (++stops > 1) throw new UpdateError('SERVICE_NOT_STOPPED', 'played');
    },
    runScript: async () => ({ exitCode: 1, timedOut: false }),
  });
  const { rest } = await run(box);
  expect(rest).toMatchObject({ step: 'idle', because: { code: 'INSTALL_SCRIPT_FAILED' } });
});

it('is stuck when the folders are not what the copy holds though everything seemed to be put back', async () => {
  const box = await scene({
    async runScript() {
      await writeFile(box.places.at('/usr/local/box-config-daemon/run.sh'), 'half of the new\n');
      return { exitCode: 1, timedOut: false };
    },
    async restore() {},
  });
  const { trace, rest } = await run(box);
  expect(trace.slice(-2)).toEqual(['rollback', 'stuck']);
  expect(rest).toMatchObject({ stuckBecause: { code: 'RESTORE_FAILED' } });
  expect(box.calls.at(-1)).toBe(`startService ${service}`);
});

describe('something writes on while the undo is proven', () => {
  const folder = '/usr/local/box-config-daemon';
  /** `write` comes after each time that the folders were put back; a boot later it is tried for the last time. */
  const undone = async (write: (at: (path: string) => string) => Promise<void>) => {
    const box = await scene({
      runScript: async () => ({ exitCode: 1, timedOut: false }),
      async restore(snapshot) {
        await restoreSnapshot(box.root, snapshot);
        await write(box.places.at);
      },
    });
    const { rest } = await run(box);
    expect(rest).toMatchObject({ step: 'stuck', stuckBecause: { code: 'RESTORE_FAILED' } });
    box.nextBoot('orderly');
    return { box, ...(await run(box, { ...(rest as At<'stuck'>), step: 'rollback', stuckBoots: maxStuckBoots })) };
  };

  it.each<[string, (at: (path: string) => string) => Promise<void>]>([
    ['a file of its own', (at) => writeFile(at(`${folder}/log`), 'line\n')],
    ['a file of the box', (at) => appendFile(at(`${folder}/run.sh`), '# line\n')],
  ])('%s, boot after boot: it is somebody of the box, which is not given up for that', async (_, write) => {
    const { box, trace, rest } = await undone(write);
    expect(trace).toEqual(['rollback', 'restored', 'idle']);
    expect(rest).toMatchObject({ because: { code: 'INSTALL_SCRIPT_FAILED' } });
    expect(await readFile(box.places.logFile, 'utf8')).toContain('the undo could not be proven');
  });

  const asOld = async (path: string, text: string) => {
    const { atime, mtime } = await stat(path);
    await writeFile(path, text);
    await utimes(path, atime, mtime);
  };
  it.each<[string, (at: (path: string) => string) => Promise<void>]>([
    ['a file is gone', (at) => rm(at(`${folder}/run.sh`))],
    ['a file is as old as it should be, and another one', (at) => asOld(at(`${folder}/run.sh`), 'rot')],
    ['another mode', (at) => chmod(at(`${folder}/run.sh`), 0o600)],
    ['a folder is a file', (at) => rm(at(folder), { recursive: true }).then(() => writeFile(at(folder), ''))],
  ])('%s: that is stuck', async (_, write) => {
    expect((await undone(write)).rest).toMatchObject({ step: 'stuck', stuckBecause: { code: 'RESTORE_FAILED' } });
  });
});

it('does not wait for ever for a service of the earlier release: its files are back, and that is the end', async () => {
  const box = await scene({
    runScript: async () => ({ exitCode: 1, timedOut: false }),
    startService: async () => {},
  });
  const { reboot } = box.box;
  box.box.reboot = async (way) => {
    await reboot(way);
    box.services.set(service, { state: 'failed', restarts: 5, byHand: false });
  };
  box.tools.clock.monotonic = fastClock();
  const { rest } = await run(box);
  expect(rest).toMatchObject({ step: 'idle', because: { code: 'INSTALL_SCRIPT_FAILED' } });
  expect(box.calls.at(-1)).toBe(`startService ${service}`);
  expect(await exists(box.places.trial)).toBe(false);
  expect(await readFile(box.places.logFile, 'utf8')).toContain('a service is not back');
});

it('is stuck, not dead, when journal and snapshot are both lost on trial', async () => {
  const box = await scene();
  await mkdir(box.places.trial);
  await writeFile(box.places.journal, 'garbage');
  const { at } = await whereWeWere(box.tools);
  expect(at).toMatchObject({ step: 'rollback', because: { code: 'JOURNAL_UNREADABLE' } });
  expect(await follow(at, box.tools)).toMatchObject({ step: 'stuck', stuckBecause: { code: 'SNAPSHOT_DAMAGED' } });
});

it('does anew what the guard began and was cut off in, whatever VERSION says meanwhile', async () => {
  const box = await scene();
  await box.box.snapshot(box.places.trial, ['/usr/local/box-config-daemon'], {
    update: 'u1',
    from: oldVersion,
    to: newVersion,
  });
  await writeFile(`${box.places.trial}/guard-begun`, 'reason=heartbeat\n');
  const { at } = await whereWeWere(box.tools);
  expect(at).toMatchObject({ step: 'rollback', because: { code: 'GUARD_RESTORED' }, blame: true });
  expect(await follow(at, box.tools)).toMatchObject({ step: 'idle', because: { code: 'GUARD_RESTORED' } });
  expect(await exists(box.places.trial)).toBe(false);
});

it.each(['boots', 'heartbeat', 'deadline'])('finishes what the guard put back because of its %s', async (reason) => {
  const box = await scene();
  await box.box.snapshot(box.places.trial, ['/usr/local/box-config-daemon'], {
    update: 'u1',
    from: oldVersion,
    to: newVersion,
  });
  await writeFile(`${box.places.trial}/guard`, `reason=${reason}\n`);
  const { at } = await whereWeWere(box.tools);
  expect(at).toMatchObject({ step: 'restored', because: { code: 'GUARD_RESTORED' }, blame: reason !== 'boots' });
  expect(await follow(at, box.tools)).toMatchObject({ step: 'idle', because: { code: 'GUARD_RESTORED' } });
  expect(await exists(box.places.trial)).toBe(false);
  expect(box.calls).toEqual([]);
});

it('does not finish for ever what the guard put back, when it cannot be finished', async () => {
  const box = await scene();
  // VERSION is not what it should be.
  const about = { update: 'u1', from: newVersion, to: oldVersion };
  await box.box.snapshot(box.places.trial, ['/usr/local/box-config-daemon'], about);
  await writeFile(`${box.places.trial}/guard`, 'reason=heartbeat\n');
  const found: string[] = [];
  for (let boot = 0; boot < 6; boot++) {
    const { at } = await whereWeWere(box.tools);
    found.push(at.step);
    if (at.step !== 'stuck') expect(await follow(at, box.tools)).toMatchObject({ step: 'stuck' });
    box.nextBoot('cut');
  }
  expect(found).toEqual(['restored', 'rollback', 'rollback', 'rollback', 'stuck', 'stuck']);
});

it('counts how often it began to finish what the guard put back', async () => {
  const box = await scene();
  await box.box.snapshot(box.places.trial, ['/usr/local/box-config-daemon'], { update: 'u1', from: oldVersion, to: 1 });
  await writeFile(`${box.places.trial}/guard`, 'reason=heartbeat\n');
  const { at } = await whereWeWere(box.tools);
  await saveJournal(box.places, { at, bootId: 'boot-1', tries: 7 });
  expect(await whereWeWere(box.tools)).toMatchObject({ at: { step: 'restored' }, tries: 7 });
});

it('hands the guard the limits of the configuration with the snapshot', async () => {
  const box = await scene();
  const limits = { trial_boots: 5, trial_deadline_s: 900, trial_heartbeat_s: 180, script_timeout_s: 77 };
  await writeFile(
    box.places.config,
    JSON.stringify({ ...JSON.parse(await readFile(box.places.config, 'utf8')), ...limits }),
  );
  await run(box);
  const about = await readAbout(box.places.previous);
  expect(about).toMatchObject({
    trial_boots: '5',
    trial_deadline_s: '900',
    heartbeat_s: '180',
    script_timeout_s: '77',
  });
});

/** A release that brings version 1.3.0 of the updater, where 1.0.0 runs. */
async function bringingUpdater(program = badUpdater('1.3.0', '')) {
  const box = await scene({}, { verify: () => ({ ...aRelease, updater: { version: '1.3.0', path: 'u' } }) });
  const folder = box.places.at(`/var/opq/updater/opq-box-update-${newVersion}.unpacked/opq-box-update-${newVersion}/u`);
  const begun = box.tools.worker.do;
  (box.tools.worker as { do: unknown }).do = async (...args: Parameters<typeof begun>) => {
    const done = await begun(...args);
    if (args[0] === 'unpack') {
      await mkdir(folder, { recursive: true });
      await writeFile(`${folder}/opq-updater.js`, program);
    }
    return done;
  };
  const link = box.places.at('/opt/opq-updater/current');
  const current = () => readlink(link).catch(() => undefined);
  /** From the reboot on the updater is another program. */
  const starts = (version: string) => {
    (box.tools as { updater: Tools['updater'] }).updater = { version, program: '' };
  };
  return { box, current, starts };
}

it('has the updater of a release start with the reboot, not before, and confirms by it', async () => {
  const { box, current, starts } = await bringingUpdater();
  const seen: (string | undefined)[] = [];
  const { runScript, reboot } = box.box;
  box.box.runScript = async (run) => {
    seen.push(await current());
    return runScript(run);
  };
  box.box.reboot = async () => {
    seen.push(await current());
    starts('1.3.0');
    await reboot('orderly');
  };
  const { trace, rest } = await run(box);
  expect(trace).toEqual([...upTo('confirm'), 'idle']);
  expect(rest).toMatchObject({ because: null });
  expect(seen).toEqual([undefined, '1.3.0']);
});

it('puts a release back, and blames it, when another updater runs than the one that it brought', async () => {
  const { box, current } = await bringingUpdater();
  const { trace, rest } = await run(box);
  expect(trace).toEqual([...upTo('confirm'), ...wayBack]);
  expect(rest).toMatchObject({ because: { code: 'UPDATER_BROKEN', step: 'confirm' } });
  expect(await current()).toBeUndefined();
  expect(await exists(`${box.places.state}/quarantine.json`)).toBe(true);
});

it('never runs the script of a release whose updater cannot even say its version', async () => {
  const { box, current } = await bringingUpdater('throw 1;');
  const { rest } = await run(box);
  expect(rest).toMatchObject({ because: { code: 'UPDATER_BROKEN', step: 'install' } });
  expect(box.calls).not.toContain('runScript');
  expect(await current()).toBeUndefined();
});
