import { asUpdateError, UpdateError } from '../protocol/errors.ts';
import { write } from './files.ts';
import { keepStuck } from './journal.ts';
import type { At } from './machine.ts';
import { addToQuarantine } from './quarantine.ts';
import { stuckMark } from './stuck-trial.ts';
import type { Resident } from './tools.ts';

/** Leaves word that the box is stuck: for people, for the guard, and for what an update leads back to that comes to nothing. */
export async function noteStuck(rest: At<'stuck'>, { box, clock, log, places }: Resident): Promise<void> {
  const { update, because, stuckBecause, blame } = rest;
  log.error('stuck', new UpdateError(stuckBecause.code, stuckBecause.message));
  try {
    await write(stuckMark(places), '');
    await keepStuck(places, { at: rest, bootId: await box.bootId(), tries: 1 });
    if (!blame || !update.sha256) return;
    // Whatever takes the box out of it: this release is not taken again by itself.
    const at = new Date(clock.now()).toISOString();
    await addToQuarantine(places, { sha256: update.sha256, version: update.to, code: because.code, at });
  } catch (error) {
    log.error('what the box is stuck in could not be noted', asUpdateError(error));
  }
}
