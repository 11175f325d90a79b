import { join } from 'node:path';
import { UpdateError } from '../protocol/errors.ts';
import * as s from '../protocol/schema.ts';
import { readIfReadable, writeFileSafely } from './files.ts';
import type { At } from './machine.ts';
import type { Places } from './places.ts';
import type { Resident } from './tools.ts';

const entrySchema = s.object({ sha256: s.string(), version: s.number(), code: s.string(), at: s.string() });
const fileSchema = s.array(entrySchema);
export type Quarantined = Readonly<s.Output<typeof entrySchema>>;

/** More than this many bad releases on one box is not a list any more; the oldest go. */
const most = 100;
const fileOf = (places: Places) => join(places.state, 'quarantine.json');

/** Releases that failed here through their own fault: signed ones only, so nobody else can put one on the list. */
export async function readQuarantine(places: Places): Promise<readonly Quarantined[]> {
  const text = await readIfReadable(fileOf(places));
  if (text === undefined) return [];
  try {
    return s.parse(fileSchema, JSON.parse(text));
  } catch {
    return []; // a torn list: at worst a bad release is tried, and put back, once more
  }
}

export async function addToQuarantine(places: Places, entry: Quarantined): Promise<void> {
  const others = (await readQuarantine(places)).filter(({ sha256 }) => sha256 !== entry.sha256);
  await writeFileSafely(fileOf(places), JSON.stringify([...others, entry].slice(-most)));
}

/** The same of the release of an update that was its fault; one that was never verified has no name to be known by. */
export async function quarantine(
  { update: { sha256, to: version }, because: { code } }: Pick<At<'rollback'>, 'update' | 'because'>,
  { places, clock }: Pick<Resident, 'places' | 'clock'>,
): Promise<void> {
  if (!sha256) return;
  await addToQuarantine(places, { sha256, version, code, at: new Date(clock.now()).toISOString() });
}

/** A release that a person had installed after all and that held is good. */
export async function removeFromQuarantine(places: Places, sha256: string): Promise<void> {
  const all = await readQuarantine(places);
  const rest = all.filter((entry) => entry.sha256 !== sha256);
  if (rest.length < all.length) await writeFileSafely(fileOf(places), JSON.stringify(rest));
}

/** @throws UpdateError QUARANTINED */
export function checkQuarantine(list: readonly Quarantined[], sha256: string): void {
  const bad = list.find((entry) => entry.sha256 === sha256);
  if (bad) throw new UpdateError('QUARANTINED', wordsOf(bad));
}

/** Why it is there, for people. */
export function wordsOf({ version, at, code }: Quarantined): string {
  const what = code === 'ROLLED_BACK' ? 'was undone while it was on trial' : 'failed';
  return `The release ${version} ${what} on this box on ${at.slice(0, 10)} (${code}).`;
}
