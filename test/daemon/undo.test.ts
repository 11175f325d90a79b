import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { follow } from '../../daemon/engine.ts';
import { exists } from '../../daemon/files.ts';
import { recordEnd } from '../../daemon/history.ts';
import type { At } from '../../daemon/machine.ts';
import { beginUndo, viewUndo } from '../../daemon/undo-previous.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { aKey } from '../support/a-key.ts';
import { anUpdate, type Scene, scene, service } from '../support/fake-box.ts';
import { newVersion, oldVersion } from '../support/samples.ts';

/** A box on which a release was confirmed, and then a technician worked. */
async function confirmedBox(): Promise<Scene> {
  const box = await scene();
  await writeFile(box.places.at('/etc/opq/limits'), 'by the owner\n');
  await writeKey(box);
  await follow({ step: 'download', update: anUpdate }, box.tools);
  await writeFile(box.places.at('/etc/opq/limits'), 'by hand\n');
  box.calls.length = 0;
  return box;
}
async function writeKey({ places }: Scene): Promise<void> {
  await mkdir(places.at('/etc/opq-updater/keys'), { recursive: true });
  await writeFile(places.at('/etc/opq-updater/keys/publisher.pem'), aKey);
}

const undo = async (box: Scene) => {
  const trace: string[] = [];
  const start = await beginUndo(box.tools);
  const rest = await follow(start, box.tools, { arrived: ({ step }) => void trace.push(step) });
  return { trace, rest };
};

it('stops the services, goes back, reboots, and keeps what others changed', async () => {
  const box = await confirmedBox();
  const { trace, rest } = await undo(box);
  expect(trace).toEqual(['undo', 'rollback', 'restored', 'idle']);
  expect(rest).toMatchObject({ because: { code: 'ROLLED_BACK' }, update: { from: oldVersion, to: newVersion } });
  expect(box.calls).toEqual([
    `stopService ${service}`,
    'killScript',
    `stopService ${service}`,
    'restore',
    'reboot orderly',
  ]);
  expect(await box.version()).toBe(String(oldVersion));
  expect(await readFile(box.places.at('/etc/opq/limits'), 'utf8')).toBe('by hand\n');
  expect(await exists(box.places.at('/etc/opq/added-by-the-release'))).toBe(false);
  expect(await exists(box.places.previous)).toBe(false);
});

it.each(['DISK_FULL', 'SNAPSHOT_DAMAGED'] as const)(
  'leaves the new release running when the undo cannot be prepared: %s',
  async (code) => {
    const box = await confirmedBox();
    box.box.prepareUndo = async () => {
      throw new UpdateError(code, 'played');
    };
    const { rest } = await undo(box);
    expect(rest).toMatchObject({ step: 'idle', because: { code, step: 'undo' } });
    expect(box.calls).toEqual([`stopService ${service}`, `startService ${service}`]);
    expect(await box.version()).toBe(String(newVersion));
    expect(await exists(box.places.previous)).toBe(true);
    const now = { at: '2026-03-01T10:00:00.000Z', clockKnown: true, bootId: 'boot-1' };
    expect(await recordEnd(box.places, rest as At<'idle'>, now)).toMatchObject({ outcome: 'failed', step: 'undo' });
  },
);

it('refuses an undo for which there is no room before a service is stopped', async () => {
  const box = await confirmedBox();
  box.box.freeBytes = async () => 10_000;
  await expect(beginUndo(box.tools)).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect(box.calls).toEqual([]);
  expect((await viewUndo(box.tools)).need_bytes).toBeGreaterThan(10_000);
});

it('refuses an undo over a link that somebody put in the place of a folder', async () => {
  const box = await confirmedBox();
  await rename(box.places.at('/etc/opq'), join(box.root, 'elsewhere'));
  await symlink(join(box.root, 'elsewhere'), box.places.at('/etc/opq'));
  await expect(beginUndo(box.tools)).rejects.toMatchObject({ code: 'PATH_NOT_UNDOABLE' });
  expect(box.calls).toEqual([]);
});

it('notes what the update did right after its script, and in the next boot when that rebooted by itself', async () => {
  const box = await confirmedBox();
  expect(await exists(join(box.places.previous, 'after'))).toBe(true);
  const rebooted = await scene();
  await writeKey(rebooted);
  const positions: At[] = [];
  await follow({ step: 'download', update: anUpdate }, rebooted.tools, { arrived: (at) => void positions.push(at) });
  const confirming = positions.find(({ step }) => step === 'confirm')!;
  const { places } = rebooted;
  await rename(places.previous, places.trial);
  await rm(join(places.trial, 'after'));
  await follow(confirming, rebooted.tools);
  expect(await exists(join(places.previous, 'after'))).toBe(true);
});
