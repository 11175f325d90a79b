import type { ErrorCode } from '../../protocol/error-codes.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { readAbout } from '../box/snapshot.ts';
import { exists, removeSafely, renameSafely } from '../files.ts';
import { readHistory } from '../history.ts';
import type { At, Step } from '../machine.ts';
import type { Places } from '../places.ts';
import { quarantine } from '../quarantine.ts';
import type { Tools } from '../tools.ts';
import { installedVersion } from '../version-on-box.ts';
import { outdated } from './confirm.ts';
import { anotherBoot } from './reboot.ts';
import { running, startAgain } from './stop.ts';

/** Proves that the earlier release is back and runs, then ends the trial. */
export const restored: Step<'restored'> = {
  resume: (at) => at,

  async run(at, tools) {
    const { places, clock, log } = tools;
    // What the script left in memory goes with a reboot; if it never ran, starting the services is enough.
    if (at.scriptStarted) await anotherBoot(at.bootId, tools);
    await proveVersion(at, tools);
    await startWhatIsDown(at, tools);
    // Known by now, and no slow service may keep it from being remembered.
    if (at.blame || (await isRepeated(at, places))) {
      await quarantine(at, tools).catch((error) =>
        log.error('the release could not be put on the list of those that failed', error),
      );
    }
    await waitForServices(at, tools);
    // What it was undone by is no earlier release any more.
    if ((await readAbout(places.previous)).update === at.update.id) await removeSafely(places.previous);
    // The promotion of its release was cut off: what had to make room for it is still the way back.
    else if ((await exists(outdated(places))) && !(await exists(places.previous)))
      await renameSafely(outdated(places), places.previous);
    await removeSafely(places.trial);
    await removeSafely(places.stuckTrial);
    log.warn('the earlier release is back', { version: at.update.from, because: at.because.code });
    const outageS = at.stoppedAtMs === 0 ? null : Math.max(0, (clock.now() - at.stoppedAtMs) / 1000);
    return { step: 'idle', because: at.because, update: at.update, outageS, scriptTail: at.scriptTail };
  },
};

/** Once it may be chance: a network that was away, a person who shut the box down, a full disk. Three times in a row it is the release. */
const blamedWhenRepeated: readonly ErrorCode[] = ['NETWORK_LOST', 'SCRIPT_SHUT_DOWN', 'DISK_FULL'];
const timesBefore = 2;

async function isRepeated({ update, because }: At<'restored'>, places: Places): Promise<boolean> {
  if (!blamedWhenRepeated.includes(because.code)) return false;
  const before = (await readHistory(places)).slice(0, timesBefore);
  const same = before.filter((entry) => entry.to === update.to && entry.because?.code === because.code);
  return same.length === timesBefore;
}

async function proveVersion({ update }: At<'restored'>, { places, config }: Tools): Promise<void> {
  const found = await installedVersion(places, (await config()).values);
  if ((found ?? null) === update.from) return;
  throw new UpdateError(
    'RESTORE_FAILED',
    `VERSION should say ${update.from ?? 'nothing'}, found ${found ?? 'nothing'}.`,
  );
}

/** After another boot those that no boot starts, and any that failed meanwhile. */
async function startWhatIsDown({ baseline }: At<'restored'>, tools: Tools): Promise<void> {
  const names = running(baseline);
  const states = await Promise.all(names.map(async (name) => (await tools.box.service(name)).state));
  const down = names.filter((_, n) => states[n] === 'inactive' || states[n] === 'failed');
  await startAgain(Object.fromEntries(down.map((name) => [name, 'active'])), tools);
}

/** Long, as a box with a slow SD card and a cold cache starts slowly. */
const servicesTimeoutMs = 5 * 60_000;

/**
 * Every file is back, so this is the end of the undo whatever the services do: one that does not come up was not
 * made worse by it, and to be stuck would keep the next release away, which may mend it.
 */
async function waitForServices({ baseline }: At<'restored'>, { box, clock, log }: Tools): Promise<void> {
  const end = clock.monotonic() + servicesTimeoutMs;
  for (const name of running(baseline)) {
    for (let { state } = await box.service(name); state !== 'active'; { state } = await box.service(name)) {
      if (clock.monotonic() > end) {
        const message = `${name} should be active, found it ${state} ${servicesTimeoutMs / 60_000} minutes after the undo.`;
        log.error('a service is not back', new UpdateError('HEALTH_FAILED', message));
        break;
      }
      await clock.sleep(500);
    }
  }
}
