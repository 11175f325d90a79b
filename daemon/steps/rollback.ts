import type { ErrorCode } from '../../protocol/errors.ts';
import type { Because } from '../facts.ts';
import type { At, Step } from '../machine.ts';
import { running } from './stop.ts';

/** Puts the snapshot back. May be begun any number of times, from any state of the folders. */
export const rollback: Step<'rollback'> = {
  resume: (at) => at,

  async run(at, { box, places, log }) {
    const { code, message } = at.because;
    log.warn(`the earlier release is put back: ${code} ${message}`, { version: at.update.from });
    // It may have outlived the daemon that started it.
    await box.killScript();
    for (const name of running(at.baseline)) await box.stopService(name);
    await box.restore(places.trial);
    await box.sync();
    return { ...at, step: 'restored', bootId: await box.bootId() };
  },
};

/** Failures that are the release's own fault: it is not taken again by itself. */
const blamed: ReadonlySet<ErrorCode> = new Set([
  'INSTALL_SCRIPT_FAILED',
  'INSTALL_TIMED_OUT',
  'WRONG_VERSION_INSTALLED',
  'HEALTH_FAILED',
]);

/** The way back from a box on trial. */
export function rollbackBecause(at: At<'stop' | 'install' | 'reboot' | 'confirm'>, because: Because): At<'rollback'> {
  return {
    bootId: '',
    stoppedAtMs: 0,
    scriptTail: [],
    ...at,
    step: 'rollback',
    because,
    scriptStarted: at.step !== 'stop',
    blame: blamed.has(because.code),
    stuckBoots: 0,
  };
}

/** Rest, but not peace: the box may be of two releases. */
export const stuckBecause = (at: At<'rollback' | 'restored'>, stuck: Because): At<'stuck'> => ({
  ...at,
  step: 'stuck',
  stuckBecause: stuck,
});
