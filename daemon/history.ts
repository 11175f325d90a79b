import { open } from 'node:fs/promises';
import { type HistoryEntry, type Outcome, type UpdateStep, updateSteps } from '../protocol/control.ts';
import { type ErrorCode, errorCodes } from '../protocol/errors.ts';
import type { Because } from './facts.ts';
import { readIfThere, syncFolder, writeFileSafely } from './files.ts';
import type { At } from './machine.ts';
import type { Places } from './places.ts';

/** Entries kept; the oldest go. */
const most = 200;

/** Past updates, newest first. A torn last line, as a power cut may leave it, is passed over. */
export async function readHistory(places: Places): Promise<HistoryEntry[]> {
  const lines = ((await readIfThere(places.history)) ?? '').split('\n').filter(Boolean);
  return lines.flatMap(parseEntry).reverse();
}

/** Writes what the last update came to; again is fine, as a cut may come between this and the journal. */
export async function recordEnd(places: Places, at: At<'idle'>, endedAt: string): Promise<HistoryEntry | undefined> {
  if (at.update === null) return undefined;
  const entry = entryOf(at as At<'idle'> & { update: object }, endedAt);
  const known = await readHistory(places);
  if (known.some(({ id, outcome }) => id === entry.id && outcome === entry.outcome)) return undefined;
  if (known.length >= most) {
    const kept = known.slice(0, most / 2).reverse();
    await writeFileSafely(places.history, kept.map((old) => `${JSON.stringify(old)}\n`).join(''));
  }
  const file = await open(places.history, 'a', 0o600);
  try {
    await file.write(`${JSON.stringify(entry)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await syncFolder(places.state);
  return entry;
}

export const explain = ({ code, message }: { code: ErrorCode; message: string }) => ({
  code,
  message,
  todo: errorCodes[code].todo,
});

function entryOf({ update, because, outageS, scriptTail }: At<'idle'>, endedAt: string): HistoryEntry {
  const { id, from, to, by, startedAt, signedBy, seconds } = update!;
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
    ended_at: endedAt,
    signed_by: signedBy,
    outage_s: outageS === null ? null : Math.round(outageS * 10) / 10,
    seconds,
    script_tail: scriptTail,
  };
}

function outcomeOf(because: Because | null, done: readonly UpdateStep[]): Outcome {
  if (because === null) return 'confirmed';
  if (because.code === 'ROLLED_BACK') return 'undone';
  if (because.code === 'CANCELLED') return 'cancelled';
  if (done.includes('rollback')) return 'rolled back';
  return errorCodes[because.code].exit === 4 ? 'refused' : 'failed';
}

function parseEntry(line: string): HistoryEntry[] {
  try {
    return [JSON.parse(line) as HistoryEntry];
  } catch {
    return []; // torn by a power cut
  }
}
