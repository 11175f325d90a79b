import { asUpdateError, UpdateError } from '../../protocol/errors.ts';
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

/** Where nobody may be there to do it. */
export async function rebootBecause(reason: string, tools: Waiting): Promise<void> {
  const { box, log } = tools;
  log.warn(`reboots by itself: ${reason}`);
  await anotherBoot(await box.bootId(), tools).catch((error) => log.error('no reboot', asUpdateError(error)));
}

type Waiting = Pick<Tools, 'box' | 'clock' | 'log'>;

/** In order as long as there is hope; forced, no service ends well, but what was synced is on the disk. */
const ways = [
  // Long enough for services that stop slowly.
  { way: 'orderly', tries: 4, patienceMs: 5 * 60_000 },
  { way: 'forced', tries: 2, patienceMs: 60_000 },
] as const;
const betweenTriesMs = 5000;

/**
 * Returns at once in another boot than `bootId`; otherwise reboots, which ends this process.
 * @throws UpdateError REBOOT_FAILED when the box is still up after all that could be done
 */
export async function anotherBoot(bootId: string, { box, clock, log }: Waiting): Promise<void> {
  if ((await box.bootId()) !== bootId) return;
  for (const { way, tries, patienceMs } of ways) {
    for (let n = 0; n < tries; n++) {
      if (n > 0) await clock.sleep(betweenTriesMs);
      log.info('reboots', { way });
      await box.sync();
      try {
        await box.reboot(way);
        if (await isLeft(bootId, patienceMs)) return;
        break;
      } catch (error) {
        log.error('the box does not take the order to reboot', error);
      }
    }
  }
  throw new UpdateError('REBOOT_FAILED', 'The box is still up though it was told to reboot, at last by force.');

  async function isLeft(boot: string, patienceMs: number): Promise<boolean> {
    for (const end = clock.monotonic() + patienceMs; clock.monotonic() <= end; await clock.sleep(250)) {
      if ((await box.bootId()) !== boot) return true;
    }
    return false;
  }
}
