import { join } from 'node:path';
import { parseInstalledVersion } from '../protocol/version.ts';
import { lastHeardOf } from './black-box.ts';
import { readScriptEnd, scriptEndName } from './box/script-end.ts';
import { readAbout } from './box/snapshot.ts';
import { steps } from './engine.ts';
import type { Because, Update } from './facts.ts';
import { exists, readIfThere } from './files.ts';
import { type Found, readJournal } from './journal.ts';
import type { At, Boot, Step, Working } from './machine.ts';
import { brokenSeal, takeSeal } from './seal.ts';
import { rollbackBecause } from './steps/rollback.ts';
import { baselineOf, bringStuckBack, isOnTrial, maxStuckBoots } from './stuck-trial.ts';
import type { Tools } from './tools.ts';
import { installedVersion } from './version-on-box.ts';

export const idleAt: At<'idle'> = { step: 'idle', because: null, update: null, outageS: null, scriptTail: [] };

/** Where to go on after a start: from the journal, or, where that is lost, from whether there is a snapshot on trial. */
export async function whereWeWere(tools: Tools): Promise<{ at: At; tries: number }> {
  const { box, places, config, log } = tools;
  const found = await readJournal(places);
  if (found.kind === 'unreadable') log.error('the journal is lost', found.error);
  // Cut between the two renames of `stop`, or nobody knows where.
  if (found.kind !== 'entry' || found.entry.at.step === 'stop') await bringStuckBack(places);
  const onTrial = await exists(places.trial);
  const guard = onTrial ? await guardsWord(places.trial) : undefined;
  if (guard && !isTakenUp(found, guard)) return { at: await afterGuard(tools, found, guard), tries: 0 };
  if (found.kind !== 'entry') {
    const lost: Because = {
      code: 'JOURNAL_UNREADABLE',
      message: 'The journal was lost during a trial.',
      step: 'install',
    };
    return { at: onTrial ? await undoTrial(tools, places.trial, lost) : idleAt, tries: 0 };
  }
  const { at, bootId, tries } = found.entry;
  const boot: Boot = {
    same: bootId === (await box.bootId()),
    onTrial: onTrial && at.update !== null && (await isOnTrial(places, at.update.id)),
    shutdown: await box.lastShutdown(),
    installed: await installedVersion(places, (await config()).values),
    script: await readScriptEnd(join(places.trial, scriptEndName)),
    tamperedWith: at.step === 'install' ? await sealsBroken(at, tools) : [],
  };
  const resumed = resume(at, boot);
  const sameStep = resumed.step === at.step ? tries : 0;
  if (at.step === 'idle' || at.step === 'stuck' || boot.same || boot.shutdown !== 'cut') {
    return { at: resumed, tries: sameStep };
  }
  const cut = { step: at.step, intoS: await lastHeardOf(places, at.update.id, at.step) };
  log.warn('power was lost in the middle of an update', { step: cut.step, into_s: cut.intoS });
  return { at: withCut(resumed, cut), tries: sameStep };
}

async function sealsBroken({ seal }: At<'install'>, tools: Tools): Promise<string[]> {
  try {
    return brokenSeal(seal, await takeSeal(tools));
  } catch (error) {
    // Nothing may keep this process from starting, and a box that cannot be asked this does not become healthy either.
    tools.log.error('the own units could not be looked at', error);
    return [];
  }
}

/** The cut goes to the history; where it is the reason for the undo, the reason tells how far in it came. */
function withCut(at: At, cut: Update['cuts'][number]): At {
  if (at.step === 'idle') return at;
  const told = { ...at, update: { ...at.update, cuts: [...at.update.cuts, cut] } } as At;
  if (told.step !== 'rollback' || told.because.code !== 'POWER_LOST' || cut.intoS === null) return told;
  return { ...told, because: { ...told.because, message: `${told.because.message} It was ${cut.intoS} s into it.` } };
}

interface GuardsWord {
  /** Why the guard puts the snapshot back. */
  readonly reason: string;
  /** False: it was cut off or failed in the middle, and the folders may be of two releases. */
  readonly done: boolean;
}

async function guardsWord(trial: string): Promise<GuardsWord | undefined> {
  for (const [name, done] of Object.entries({ guard: true, 'guard-begun': false })) {
    const reason = /^reason=(\w+)$/m.exec((await readIfThere(join(trial, name))) ?? '')?.[1];
    if (reason) return { reason, done };
  }
  return undefined;
}

/**
 * What it did is in the journal already: from there on the tries are counted, so that they come to an end. What a
 * person did meanwhile, or it began once more, is not.
 */
function isTakenUp(found: Found, { reason, done }: GuardsWord): boolean {
  if (found.kind !== 'entry' || reason === 'person') return false;
  const { step } = found.entry.at;
  return step === 'stuck' || (step === 'restored' && done);
}

const guardsReasons: Readonly<Record<string, string>> = {
  boots: 'In none of the boots on trial did the updater report.',
  heartbeat: 'The updater was not heard of while the box was up.',
  deadline: 'The trial lasted too long.',
  person: 'Root had it put back while the updater did not run.',
};

/** The guard has done the undo: what is left is to prove it and to tell. One that it only began is done anew. */
async function afterGuard(
  tools: Tools,
  found: Found,
  { reason, done }: GuardsWord,
): Promise<At<'rollback' | 'restored'>> {
  const message = guardsReasons[reason] ?? reason;
  const code = reason === 'person' ? 'ROLLED_BACK' : 'GUARD_RESTORED';
  const because: Because = { code, message, step: 'confirm' };
  const undo = await undoOf(found.kind === 'entry' ? found.entry.at : idleAt, because, tools);
  // Boots may also be cut by flaky mains, which must not condemn a good release.
  const blame = reason !== 'boots';
  // The guard knows of one snapshot only: a box that was stuck before goes further back.
  const over = done && !(await exists(tools.places.stuckTrial));
  return over ? { ...undo, step: 'restored', bootId: '', blame } : { ...undo, blame };
}

async function undoOf(at: At, because: Because, tools: Tools): Promise<At<'rollback'>> {
  switch (at.step) {
    case 'stop':
    case 'install':
    case 'reboot':
    case 'confirm':
      return rollbackBecause(at, because);
    case 'undo':
    case 'rollback':
    case 'restored':
    case 'stuck':
      // It was on its way back already, for a reason of its own.
      return { ...at, step: 'rollback' };
    default:
      return undoTrial(tools, tools.places.trial, because);
  }
}

function resume(at: At, boot: Boot): At {
  if (at.step === 'idle') return at;
  if (at.step === 'stuck') {
    if (boot.same || at.stuckBoots >= maxStuckBoots) return at;
    return { ...at, step: 'rollback', stuckBoots: at.stuckBoots + 1 };
  }
  const step: { resume(at: At, boot: Boot): At } = steps[at.step] as Step<Working> as never;
  return step.resume(at, boot);
}

/**
 * The way back by a snapshot alone, without a journal: it says itself what it is of. One that does not is damaged,
 * which the restore finds out before it touches anything.
 */
export async function undoTrial({ clock }: Tools, folder: string, because: Because): Promise<At<'rollback'>> {
  const { from, to, update: id = 'unknown', active = '' } = await readAbout(folder);
  const update: Update = {
    id,
    from: parseInstalledVersion(from ?? '') ?? null,
    to: parseInstalledVersion(to ?? '') ?? 0,
    by: 'person',
    source: { kind: 'file', path: '' },
    retry: false,
    allowDowngrade: false,
    startedAt: new Date(clock.now()).toISOString(),
    seconds: {},
    cuts: [],
    signedBy: null,
    sha256: null,
  };
  return {
    step: 'rollback',
    update,
    release: {
      sha256: '',
      signedBy: '',
      decodedBytes: 0,
      unpackedBytes: 0,
      entryCount: 0,
      hardware: null,
      services: [],
      writablePaths: [],
      notes: null,
      components: null,
      updater: null,
      keyLinks: [],
    },
    paths: [],
    baseline: baselineOf(active),
    gateway: false,
    bootId: '',
    stoppedAtMs: 0,
    scriptTail: [],
    because,
    scriptStarted: true,
    blame: false,
    stuckBoots: 0,
  };
}
