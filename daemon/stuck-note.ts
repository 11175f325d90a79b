import { asUpdateError, UpdateError } from '../protocol/errors.ts';
import { write } from './files.ts';
import { recordRest } from './history.ts';
import { keepStuck } from './journal.ts';
import type { At } from './machine.ts';
import { quarantine } from './quarantine.ts';
import { leaveNoStuck, stuckMark } from './stuck-trial.ts';
import type { Resident } from './tools.ts';

/** Leaves word that the box is stuck: for people, for the guard, and for what an update leads back to that comes to nothing. */
export async function noteStuck(rest: At<'stuck'>, base: Resident): Promise<void> {
  const { box, log, places } = base;
  const { stuckBecause, blame } = rest;
  log.error('stuck', new UpdateError(stuckBecause.code, stuckBecause.message));
  try {
    await write(stuckMark(places), '');
    await keepStuck(places, { at: rest, bootId: await box.bootId(), tries: 1 });
    // Whatever takes the box out of it: this release is not taken again by itself.
    if (blame) await quarantine(rest, base);
  } catch (error) {
    log.error('what the box is stuck in could not be noted', asUpdateError(error));
  }
}

/** Before an update: what the box was stuck in, if it was, has come to an end that nobody would find otherwise. */
export async function leaveStuck(before: At, base: Resident): Promise<void> {
  if (before.step === 'stuck') {
    const { update, stuckBecause, scriptTail } = before;
    const because = { ...stuckBecause, step: 'rollback' as const };
    await recordRest({ step: 'idle', update, because, outageS: null, scriptTail }, base, 'failed');
  }
  await leaveNoStuck(base.places);
}
