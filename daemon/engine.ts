import { asUpdateError, UpdateError } from '../protocol/errors.ts';
import { clearUp } from './clear-up.ts';
import type { Because } from './facts.ts';
import { type Entry, saveJournal } from './journal.ts';
import { type At, failsTo, type Step, type Working } from './machine.ts';
import { giveSpare } from './spare.ts';
import { confirm } from './steps/confirm.ts';
import { download } from './steps/download.ts';
import { install } from './steps/install.ts';
import { reboot } from './steps/reboot.ts';
import { restored } from './steps/restored.ts';
import { rollback, rollbackBecause, stuckBecause } from './steps/rollback.ts';
import { snapshot } from './steps/snapshot.ts';
import { startAgain, stop } from './steps/stop.ts';
import { undo } from './steps/undo.ts';
import { unpack } from './steps/unpack.ts';
import { verify } from './steps/verify.ts';
import { bringStuckBack, isOnTrial } from './stuck-trial.ts';
import type { Tools } from './tools.ts';

export const steps: { readonly [K in Working]: Step<K> } = {
  download,
  verify,
  unpack,
  snapshot,
  stop,
  install,
  reboot,
  confirm,
  undo,
  rollback,
  restored,
};

/** At rest: nothing runs until somebody begins an update or the box boots again. */
export type Rest = At<'idle' | 'stuck'>;

/** A step begun this often without an end is given up: no loop goes on for ever. */
export const maxTries = 25;

export interface Travel {
  /** How often the first step was begun before. */
  readonly tries?: number;
  /** Called after each position was saved, before its step acts. */
  arrived?(at: At, tries: number): void;
}

/**
 * Walks the map from a position until it rests. Each position is on the disk before its step acts, so whatever
 * ends this process, the next one knows where it was.
 */
export async function follow(start: At, tools: Tools, { tries = 0, arrived = () => {} }: Travel = {}): Promise<Rest> {
  const bootId = await tools.box.bootId();
  let at = start;
  for (let n = tries + 1; ; ) {
    const instead = await save({ at, bootId, tries: n }, tools);
    if (instead !== undefined) {
      [at, n] = [instead, 1];
      continue;
    }
    arrived(at, n);
    if (at.step === 'idle' || at.step === 'stuck') return at;
    const next = await advance(at, n, tools);
    n = next.step === at.step ? n + 1 : 1;
    at = next;
  }
}

/**
 * Saves a position, without which nothing may act. But on the way back: what the journal says then leads there as
 * well, and what fills the disk is often what is about to be put back.
 * @returns where to go instead when the disk is full: a release on trial is put back, what came before it is over
 */
async function save(entry: Entry, tools: Tools): Promise<At | undefined> {
  const { at } = entry;
  try {
    await saveJournal(tools.places, entry);
  } catch (thrown) {
    const error = asUpdateError(thrown);
    if (error.code === 'DISK_FULL') {
      if (isUnderWay(at)) return withoutRoom(at, error, tools);
      if (await spareIsGiven(entry, tools)) return undefined;
    }
    if (at.step === 'restored') await startAgain(at.baseline, tools);
    if (at.step !== 'rollback') throw error;
    tools.log.error('the journal cannot be written', error);
  }
  return undefined;
}

/** Neither its beginning, which is refused then, nor the way back. */
const isUnderWay = (at: At): at is At<Exclude<Working, 'download' | 'undo' | 'rollback' | 'restored'>> =>
  ['verify', 'unpack', 'snapshot', 'stop', 'install', 'reboot', 'confirm'].includes(at.step);

async function withoutRoom(at: At<Working>, error: UpdateError, tools: Tools): Promise<At> {
  const next = await afterFailure(at, error, tools);
  // What it fetched and copied may be what fills the disk.
  if (next.step === 'idle') await clearUp(next, tools);
  return next;
}

/** On the way back, which is what that room was taken for. */
async function spareIsGiven(entry: Entry, { places }: Tools): Promise<boolean> {
  if (!['rollback', 'restored', 'stuck'].includes(entry.at.step)) return false;
  try {
    await giveSpare(places);
    await saveJournal(places, entry);
    return true;
  } catch {
    return false; // taken by others at once
  }
}

/** One step and what it took; a failure leads where `failsTo` says. */
async function advance(at: At<Working>, tries: number, tools: Tools): Promise<At> {
  const began = tools.clock.monotonic();
  let next: At;
  try {
    if (tries > maxTries) throw new UpdateError('TOO_MANY_TRIES', `The step "${at.step}" was begun ${tries} times.`);
    // Method syntax: the row that belongs to the step takes exactly its facts.
    const step: { run(at: At, tools: Tools): Promise<At> } = steps[at.step] as never;
    next = await step.run(at, tools);
  } catch (thrown) {
    next = await afterFailure(at, asUpdateError(thrown), tools);
  }
  if (!('update' in next) || next.update === null) return next;
  const seconds = (tools.clock.monotonic() - began) / 1000 + (next.update.seconds[at.step] ?? 0);
  const update = { ...next.update, seconds: { ...next.update.seconds, [at.step]: Math.round(seconds * 10) / 10 } };
  return { ...next, update } as At;
}

async function afterFailure(at: At<Working>, error: UpdateError, tools: Tools): Promise<At> {
  if (error.code === 'CANCELLED') tools.log.info('cancelled', { update: at.update.id });
  else tools.log.error(`${at.step} failed`, error, { update: at.update.id });
  const because: Because = { code: error.code, message: error.message, step: at.step };
  const to =
    at.step === 'stop' ? ((await isOnTrial(tools.places, at.update.id)) ? 'rollback' : 'idle') : failsTo[at.step];
  switch (to) {
    case 'idle':
      // Whatever it was, and however often it was tried: nothing stays stopped that nothing is on trial for.
      if (at.step === 'stop' || at.step === 'undo') await startAgain(at.baseline, tools);
      await bringStuckBack(tools.places);
      return { step: 'idle', because, update: at.update, outageS: null, scriptTail: [] };
    case 'rollback':
      return rollbackBecause(at as At<'stop' | 'install' | 'reboot' | 'confirm'>, because);
    case 'stuck':
      return stuckBecause(at as At<'rollback' | 'restored'>, because);
  }
}
