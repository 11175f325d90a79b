import { expect, it } from 'vitest';
import { follow } from '../../daemon/engine.ts';
import { exists } from '../../daemon/files.ts';
import { isBegun, rollbackOffline } from '../../daemon/offline-rollback.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { codeOf } from '../support/error-of.ts';
import { anUpdate, pinKey, scene, service } from '../support/fake-box.ts';
import { newVersion } from '../support/samples.ts';

/** A box with a confirmed release, and what an undo from outside does to its daemon. */
async function confirmed(over: Parameters<typeof scene>[0]) {
  const calls: string[] = [];
  const box = await scene({
    endDaemon: async (services) => void calls.push(`end ${services}`),
    startDaemon: async (services) => void calls.push(`start ${services}`),
    ...over,
  });
  await pinKey(box);
  await follow({ step: 'download', update: anUpdate }, box.tools);
  const { values: config } = await box.tools.config();
  const undo = () => rollbackOffline({ ...box, config, confirmed: async () => true });
  return { box, calls, undo };
}

it('leaves nothing stopped when there is no room to begin', async () => {
  const { box, calls, undo } = await confirmed({
    async prepareUndo() {
      throw new UpdateError('DISK_FULL', 'played');
    },
  });
  expect(await codeOf(undo())).toBe('DISK_FULL');
  expect(calls).toEqual([`end ${service}`, `start ${service}`]);
  expect([await isBegun(box.places), await box.version()]).toEqual([false, String(newVersion)]);
});

it('leaves the rest to the guard when it fails in the middle', async () => {
  const { box, calls, undo } = await confirmed({
    async restore() {
      throw new UpdateError('RESTORE_FAILED', 'played');
    },
  });
  expect(await codeOf(undo())).toBe('RESTORE_FAILED');
  expect(calls).toEqual([`end ${service}`]);
  expect([await isBegun(box.places), await exists(box.places.trial)]).toEqual([true, true]);
});
