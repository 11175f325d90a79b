import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { UpdateStep } from '../../../protocol/views.ts';
import { expectNextUpdate } from '../cut.ts';
import { checkRawDisk } from '../disk.ts';
import { type LossyDisk, openLossyDisk } from '../lossy-disk.ts';
import type { Recipe } from '../release.ts';
import type { Context, Scenario } from '../scenario.ts';

const run = promisify(execFile);
const data = { large: 'An SD card forgets.\n'.repeat(400_000) };

/** What is written goes to the disk at once, flushed or not: nothing can be lost of what is in the guest's memory only. */
const writesSoon = `vm.dirty_background_bytes = 4096
vm.dirty_expire_centisecs = 10
vm.dirty_writeback_centisecs = 10
`;

/** What was written and not flushed is lost, kept in any order, or torn: as an SD card does it. */
export const lossyDisk: Scenario = {
  name: 'lossy-disk',
  about:
    'five cuts with a disk that loses, keeps or tears what was not flushed: unpack, snapshot, script, rollback, confirm',
  quick: false,
  from: 'box',
  limitS: 2 * 3600,
  async run(context) {
    const { machine, box, publisher, old, whole, say, random } = context;
    const raw = join(machine.folder, 'disk.raw');
    await run('qemu-img', ['convert', '-O', 'raw', join(machine.folder, 'disk.qcow2'), raw]);
    const disk = await openLossyDisk(raw);
    try {
      await machine.boot({ disk: disk.address });
      await machine.push(writesSoon, '/etc/sysctl.d/90-writes-soon.conf');
      await machine.ok('systemctl restart systemd-sysctl.service && sync');
      const release: Recipe = { version: 1_600_000_001, data, middle: 'echo half-way >/dev/ttyS0' };
      await publisher.publish(release);
      await box.install();
      let lost = 0;
      const cut = async (step: UpdateStep, ms: number) => {
        await box.reaches(step);
        await sleep(ms * random());
        await machine.cut();
        const gone = await disk.lose(random);
        say(`cut in ${step}: ${gone.lost} of ${gone.unflushed} blocks lost`);
        lost += gone.lost;
        await sound(context, disk);
        await machine.powerOn();
      };
      await cut('unpack', 1500);
      await cut('snapshot', 3000);
      await cut('install', 4000);
      await cut('rollback', 4000);
      const { outcome } = await box.expectEnd(release.version, 'rolled back', 'POWER_LOST');
      await box.expectWhole(old);
      await box.install();
      await cut('confirm', 1000);
      await box.expectEnd(release.version, 'confirmed');
      await box.expectWhole(whole(release));
      // None lost would mean that the disk was none of this kind.
      if (lost === 0) throw new Error('Expected some blocks to be lost, found none.');
      await expectNextUpdate(context, release.version + 1);
      return `${outcome}, then confirmed; ${lost} blocks lost on the way`;
    } finally {
      await machine.off();
      await disk.close();
      await rm(raw, { force: true });
    }
  },
};

async function sound({ machine }: Context, disk: LossyDisk): Promise<void> {
  const copy = join(machine.folder, 'cut.raw');
  await disk.save(copy);
  const { sound, report } = await checkRawDisk(copy);
  await rm(copy);
  if (!sound) throw new Error(`The file system is not sound after its journal was replayed: ${report}`);
}
