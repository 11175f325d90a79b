import { writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { steps } from '../../daemon/engine.ts';
import type { At } from '../../daemon/machine.ts';
import { readQuarantine } from '../../daemon/quarantine.ts';
import type { ErrorCode } from '../../protocol/error-codes.ts';
import { anUpdate, aRelease, scene, service } from '../support/fake-box.ts';
import { entryWith, fault, newVersion } from '../support/samples.ts';

/** Ends an undo of a release for this reason; the history has so many ends before it, the newest last. */
async function quarantinedAfter(code: ErrorCode, before: readonly ErrorCode[], to = newVersion): Promise<boolean> {
  const { tools, places } = await scene();
  const entries = before.map((known, n) =>
    entryWith({ id: `u-${n}`, to, outcome: 'rolled back', because: fault(known) }),
  );
  await writeFile(places.history, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
  const at: At<'restored'> = {
    step: 'restored',
    update: { ...anUpdate, sha256: aRelease.sha256 },
    release: aRelease,
    paths: [],
    baseline: { [service]: 'active' },
    gateway: true,
    bootId: 'an earlier boot',
    stoppedAtMs: 1,
    scriptTail: [],
    because: { code, message: '', step: 'confirm' },
    scriptStarted: true,
    blame: false,
    stuckBoots: 0,
  };
  await steps.restored.run(at, tools);
  return (await readQuarantine(places)).length > 0;
}

it('holds a lost network against a release the third time in a row, not before', async () => {
  expect(await quarantinedAfter('NETWORK_LOST', [])).toBe(false);
  expect(await quarantinedAfter('NETWORK_LOST', ['NETWORK_LOST'])).toBe(false);
  expect(await quarantinedAfter('NETWORK_LOST', ['NETWORK_LOST', 'NETWORK_LOST'])).toBe(true);
});

it('holds a script that always shuts the box down against its release as well', async () => {
  expect(await quarantinedAfter('SCRIPT_SHUT_DOWN', ['SCRIPT_SHUT_DOWN', 'SCRIPT_SHUT_DOWN'])).toBe(true);
});

it('holds a disk that is full in each of its trials against a release as well', async () => {
  expect(await quarantinedAfter('DISK_FULL', ['DISK_FULL'])).toBe(false);
  expect(await quarantinedAfter('DISK_FULL', ['DISK_FULL', 'DISK_FULL'])).toBe(true);
});

it('begins its count again after another end, or with another release', async () => {
  expect(await quarantinedAfter('NETWORK_LOST', ['NETWORK_LOST', 'NETWORK_LOST', 'POWER_LOST'])).toBe(false);
  expect(await quarantinedAfter('NETWORK_LOST', ['NETWORK_LOST', 'NETWORK_LOST'], newVersion - 1)).toBe(false);
});

it('never holds power cuts against a release', async () => {
  expect(await quarantinedAfter('POWER_LOST', ['POWER_LOST', 'POWER_LOST', 'POWER_LOST'])).toBe(false);
});
