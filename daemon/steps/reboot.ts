import { UpdateError } from '../../protocol/errors.ts';
import type { Step } from '../machine.ts';
import type { Tools } from '../tools.ts';
import { switchUpdater } from './bring-updater.ts';

/** Reboots, and knows by the boot id that it happened. */
export const reboot: Step<'reboot'> = {
  resume: (at) => at,

  async run(at, tools) {
    const switched = await switchUpdater(at, tools);
    await anotherBoot(switched ? await tools.box.bootId() : at.bootId, tools);
    return { ...at, step: 'confirm', cutBoots: 0 };
  },
};

/** Long enough for services that stop slowly. */
const patienceMs = 5 * 60_000;

/**
 * Returns at once in another boot than `bootId`; otherwise reboots, which ends this process.
 * @throws UpdateError REBOOT_FAILED when the box is still up minutes later
 */
export async function anotherBoot(bootId: string, { box, clock, log }: Tools): Promise<void> {
  if ((await box.bootId()) !== bootId) return;
  log.info('reboots');
  await box.sync();
  await box.reboot();
  const end = clock.monotonic() + patienceMs;
  while ((await box.bootId()) === bootId) {
    if (clock.monotonic() > end) {
      throw new UpdateError(
        'REBOOT_FAILED',
        `The box is still up ${patienceMs / 60_000} minutes after it was told to reboot.`,
      );
    }
    await clock.sleep(250);
  }
}
