import { writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { startDaemon } from '../../daemon/daemon.ts';
import { saveJournal } from '../../daemon/journal.ts';
import type { At } from '../../daemon/machine.ts';
import { anUpdate, aRelease, scene, service } from '../support/fake-box.ts';

it('checks later what the schedule asks for while an update is on its way', async () => {
  let asked = 0;
  // It never answers, so the release stays on trial.
  const box = await scene({ service: () => new Promise(() => {}) }, { latest: () => void asked++ });
  const { places, tools } = box;
  await writeFile(places.config, '{"server_url":"http://127.0.0.1:1/","schedule":"0 0 1 1 *","jitter_s":0}');
  await box.box.snapshot(places.trial, ['/usr/local/box-config-daemon'], { update: anUpdate.id });
  await writeFile(places.at('/usr/local/box-config-daemon/VERSION'), `${anUpdate.to}\n`);
  const at: At<'confirm'> = {
    ...{ step: 'confirm', update: anUpdate, release: aRelease, paths: [], baseline: { [service]: 'active' } },
    ...{ gateway: false, bootId: 'boot-0', stoppedAtMs: 0, scriptTail: [], cutBoots: 0 },
  };
  await saveJournal(places, { at, bootId: 'boot-1', tries: 1 });
  const daemon = await startDaemon({ ...tools, newWorker: () => tools.worker }, { firstCheckMs: 2000 });
  try {
    const inMinutes = () => Math.ceil(((daemon.schedule.nextMs() ?? 0) - Date.now()) / 60_000);
    // The first check comes in the middle of the trial; by the schedule the next one would be months away.
    await expect.poll(inMinutes, { timeout: 60_000 }).toBe(5);
    expect([daemon.updates.at.step, asked]).toEqual(['confirm', 0]);
  } finally {
    daemon.stop();
  }
});
