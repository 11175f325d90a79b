import { writeFileSync } from 'node:fs';
import { appendFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { readAbout } from '../../daemon/box/snapshot.ts';
import { follow, type Travel } from '../../daemon/engine.ts';
import { exists } from '../../daemon/files.ts';
import type { At } from '../../daemon/machine.ts';
import { keptBytes, makeRoom } from '../../daemon/space.ts';
import { packageFiles } from '../../daemon/steps/package-files.ts';
import { beginUndo } from '../../daemon/undo-previous.ts';
import { packageName, signatureName } from '../../protocol/version.ts';
import { anUpdate, aRelease, pinKey, playedWorker, type Scene, scene } from '../support/fake-box.ts';
import { newVersion } from '../support/samples.ts';

const updates = [
  anUpdate,
  ...[1, 2].map((n) => ({ ...anUpdate, id: `u${n + 1}`, from: newVersion + n - 1, to: newVersion + n })),
];

/** A box whose scripts install what the update says, and whose downloads have a signature. */
async function boxFor(over: Parameters<typeof scene>[0] = {}) {
  let to = 0;
  const verify = () => {
    writeFileSync(signature, `signature of ${to}`);
    return aRelease;
  };
  let signature = '';
  const box: Scene = await scene(
    {
      async runScript() {
        await writeFile(box.places.at('/usr/local/box-config-daemon/VERSION'), `${to}\n`);
        return { exitCode: 0, timedOut: false };
      },
      ...over,
    },
    { verify },
  );
  await pinKey(box);
  const { values } = await box.tools.config();
  const install = async (update: typeof anUpdate, travel: Travel = {}) => {
    to = update.to;
    ({ signature } = packageFiles(box.places, values, to));
    return follow({ step: 'download', update }, box.tools, travel);
  };
  const kept = async (folder: string) => (await readdir(folder)).filter((name) => name.startsWith('opq-box-update'));
  return { box, install, kept };
}

const namesOf = (...versions: number[]) => versions.flatMap((one) => [packageName(one), signatureName(one)]).sort();

it('keeps the packages of the confirmed release and of the one before, and no older one', async () => {
  const { box, install, kept } = await boxFor();
  for (const [n, update] of updates.entries()) {
    expect(await install(update)).toMatchObject({ because: null });
    const last = updates.slice(Math.max(0, n - 1), n + 1).map(({ to }) => to);
    expect((await kept(box.places.previous)).sort()).toEqual(namesOf(...last));
    expect(await readdir(box.places.at('/var/opq/updater'))).toEqual([]);
  }
  const signature = join(box.places.previous, signatureName(newVersion + 2));
  expect(await readFile(signature, 'utf8')).toBe(`signature of ${newVersion + 2}`);
});

it('stays by the way back of before when the very package that runs is installed again', async () => {
  const { box, install, kept } = await boxFor();
  await install(anUpdate);
  const { trial, previous } = box.places;
  const before = await readAbout(previous);
  const again = { ...anUpdate, id: 'u2', from: newVersion };
  await rm(join(previous, packageName(newVersion)));
  const passed: At[] = [];
  const arrived = (at: At) => void passed.push(at);
  expect(await install(again, { arrived })).toMatchObject({ step: 'idle', because: null });
  expect(await readAbout(previous)).toEqual(before);
  expect((await kept(previous)).sort()).toEqual(namesOf(newVersion));
  expect(await readdir(box.places.state)).not.toContain('trial');
  expect(await readdir(box.places.state)).not.toContain('previous.outdated');

  // Cut when all is done but for the journal: nothing is on trial any more, so nothing is to be proven.
  const confirming = passed.find((at) => at.step === 'confirm')!;
  expect(await follow({ ...confirming, cutBoots: 99 } as At, box.tools)).toMatchObject({ step: 'idle', because: null });
  expect(await readAbout(previous)).toEqual(before);

  expect(await follow(await beginUndo(box.tools), box.tools)).toMatchObject({ because: { code: 'ROLLED_BACK' } });
  expect(await box.version()).toBe(String(anUpdate.from));
  expect(await exists(trial)).toBe(false);
});

it.each([
  ['another package of the same version', { verify: () => ({ ...aRelease, sha256: 'ef'.repeat(32) }) }],
  ['a release that may write more', { verify: () => ({ ...aRelease, writablePaths: ['/srv/more'] }) }],
])('takes the copy of what ran for the way back from %s', async (_, work) => {
  const { install, box } = await boxFor();
  await install(anUpdate);
  const later = { ...box.tools, worker: playedWorker(box.places, work) };
  const rest = await follow({ step: 'download', update: { ...anUpdate, id: 'u2', from: newVersion } }, later);
  expect(rest).toMatchObject({ step: 'idle', because: null });
  expect(await readAbout(box.places.previous)).toMatchObject({ update: 'u2', from: String(newVersion) });
});

it('names the package to install when the copy of its release has rotted, on trial and later', async () => {
  const { box, install } = await boxFor();
  await install(updates[0]!);
  const path = join(box.places.previous, packageName(newVersion));
  const { runScript } = box.box;
  box.box.runScript = async (run) => {
    await runScript(run);
    await appendFile(join(box.places.trial, 'tree.tar'), 'rot');
    return { exitCode: 1, timedOut: false };
  };
  const rest = await install(updates[1]!);
  expect(rest).toMatchObject({ step: 'stuck', stuckBecause: { code: 'SNAPSHOT_DAMAGED' } });
  expect(rest.step === 'stuck' && rest.stuckBecause.message).toContain(`opq-updater install ${path} --allow-downgrade`);

  const later = await boxFor();
  await later.install(updates[0]!);
  await later.install(updates[1]!);
  await appendFile(join(later.box.places.previous, 'tree.tar'), 'rot');
  const message = expect.stringContaining(`${basename(path)} --allow-downgrade`);
  await expect(beginUndo(later.box.tools)).rejects.toMatchObject({ code: 'SNAPSHOT_DAMAGED', message });
});

it('gives the packages up together with the copy when an update needs their room', async () => {
  let free = 2 ** 40;
  const { box, install, kept } = await boxFor({ freeBytes: async () => free });
  await install(updates[0]!);
  const { state, previous } = box.places;
  await writeFile(join(previous, packageName(newVersion)), Buffer.alloc(2 ** 20, 1));
  expect(await keptBytes(box.places, state)).toBeGreaterThan(2 ** 20);
  free = 0;
  box.box.freeBytes = async () => ((await readdir(state)).includes('previous') ? 0 : 2 ** 20);
  await makeRoom(box.tools, [{ folder: state, bytes: 2 ** 20, inodes: 1 }]);
  expect(await readdir(state)).not.toContain('previous');
  await expect(kept(previous)).rejects.toThrow();
});
