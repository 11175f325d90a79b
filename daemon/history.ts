import { type ErrorCode, errorCodes } from '../protocol/error-codes.ts';
import { asUpdateError } from '../protocol/errors.ts';
import * as s from '../protocol/schema.ts';
import { type HistoryEntry, type Outcome, type UpdateStep, updateSteps } from '../protocol/views.ts';
import type { Because } from './facts.ts';
import { appendSafely, move, readIfReadable, readIfThere, writeFileSafely } from './files.ts';
import { keptAside } from './kept-aside.ts';
import type { At } from './machine.ts';
import type { Places } from './places.ts';
import type { Resident } from './tools.ts';

/** Entries kept; the oldest go. */
const most = 200;

/** Past updates, newest first. A torn last line, as a power cut may leave it, is passed over. */
export async function readHistory(places: Places): Promise<HistoryEntry[]> {
  return entriesIn((await readIfReadable(places.history)) ?? '');
}

/** When an update ended, as far as the box knows. */
export interface Moment {
  /** Wall clock, ISO. */
  readonly at: string;
  /** False: the wall clock may be years off. */
  readonly clockKnown: boolean;
  readonly bootId: string;
}

/**
 * Writes what the update came to that rests here; where that cannot be done now the next start does it, by the journal.
 * @param outcome where that does not follow from the rest
 */
export async function recordRest(
  rest: At<'idle'>,
  { box, clock, log, places }: Pick<Resident, 'box' | 'clock' | 'log' | 'places'>,
  outcome?: Outcome,
): Promise<HistoryEntry | undefined> {
  try {
    const at = new Date(clock.now()).toISOString();
    const now = { at, clockKnown: await box.clockKnown(), bootId: await box.bootId() };
    return await recordEnd(places, rest, now, outcome);
  } catch (error) {
    log.error('the history cannot be written', asUpdateError(error));
    return undefined;
  }
}

/** Writes what the last update came to; again is fine, as a cut may come between this and the journal. */
export async function recordEnd(
  places: Places,
  at: At<'idle'>,
  now: Moment,
  outcome?: Outcome,
): Promise<HistoryEntry | undefined> {
  if (at.update === null) return undefined;
  const undone = at.because?.code === 'ROLLED_BACK';
  const kept_aside = undone ? await keptAside(places, at.update.id) : null;
  const { outcome: usual, ...facts } = entryOf(at as At<'idle'> & { update: object }, now);
  const entry = { ...facts, outcome: outcome ?? usual, kept_aside };
  const text = (await readIfThere(places.history).catch(() => setAside(places))) ?? '';
  const known = entriesIn(text);
  if (known.some((old) => old.id === entry.id && old.outcome === entry.outcome)) return undefined;
  if (known.length >= most) {
    const kept = known.slice(0, most / 2).reverse();
    await writeFileSafely(places.history, kept.map((old) => `${JSON.stringify(old)}\n`).join(''));
  }
  // Not onto the end of a torn line, which would swallow it.
  const gap = text === '' || text.endsWith('\n') ? '' : '\n';
  await appendSafely(places.history, `${gap}${JSON.stringify(entry)}\n`);
  return entry;
}

/** What the disk cannot read can be written to no more, either. */
const setAside = ({ history }: Places): Promise<undefined> =>
  move(history, `${history}.bad`).then(
    () => undefined,
    () => undefined,
  );

/** How often in a row this release did not make it, up to now: what happened before a reboot counts as well. */
export function failuresInARow(newestFirst: readonly HistoryEntry[], to: number): number {
  const end = newestFirst.findIndex((entry) => entry.to !== to || entry.outcome === 'confirmed');
  const failed = end === -1 ? newestFirst : newestFirst.slice(0, end);
  // One that was stuck and put right later has two entries.
  return new Set(failed.map(({ id }) => id)).size;
}

export const explain = ({ code, message }: { code: ErrorCode; message: string }) => ({
  code,
  message,
  todo: errorCodes[code].todo,
});

function entryOf({ update, because, outageS, scriptTail }: At<'idle'>, now: Moment): Omit<HistoryEntry, 'kept_aside'> {
  const { id, from, to, by, startedAt, signedBy, seconds, cuts } = update!;
  const done = updateSteps.filter((step) => seconds[step] !== undefined);
  return {
    id,
    from,
    to,
    by,
    outcome: outcomeOf(because, done),
    because: because && explain(because),
    step: because?.step ?? 'confirm',
    started_at: startedAt,
    ended_at: now.at,
    signed_by: signedBy,
    outage_s: outageS === null ? null : Math.round(outageS * 10) / 10,
    seconds,
    cuts: cuts.map(({ step, intoS }) => ({ step, into_s: intoS })),
    boot_id: now.bootId,
    clock_known: now.clockKnown,
    script_tail: scriptTail,
  };
}

/** A gate closed while the update was on its way, before anything was stopped for it. */
export const heldCodes: readonly ErrorCode[] = [
  'GATE_CLOSED',
  'ASK_FIRST',
  'POSTPONED',
  'POWER_LOW',
  'TOO_HOT',
  'PACKAGES_BUSY',
  'CLOCK_UNKNOWN',
];

function outcomeOf(because: Because | null, done: readonly UpdateStep[]): Outcome {
  if (because === null) return 'confirmed';
  if (because.code === 'ROLLED_BACK') return 'undone';
  // The release is confirmed and stays: what failed is to take it back.
  if (because.step === 'undo') return 'failed';
  if (because.code === 'CANCELLED') return 'cancelled';
  // Where the guard put it back, the updater only proved that.
  if (done.includes('rollback') || done.includes('restored')) return 'rolled back';
  if (heldCodes.includes(because.code)) return 'held back';
  return errorCodes[because.code].exit === 4 ? 'refused' : 'failed';
}

/** As much of an entry as everyone relies on; the rest is as we wrote it. */
const entrySchema = s.looseObject({ id: s.string(), to: s.number(), outcome: s.string() });

const entriesIn = (text: string): HistoryEntry[] => text.split('\n').filter(Boolean).flatMap(parseEntry).reverse();

function parseEntry(line: string): HistoryEntry[] {
  try {
    const entry = s.parse(entrySchema, JSON.parse(line)) as unknown as HistoryEntry;
    return [{ ...entry, kept_aside: entry.kept_aside ?? null }];
  } catch {
    return []; // torn by a power cut
  }
}
