import { join } from 'node:path';
import { longestPostponementS } from '../protocol/operations.ts';
import * as s from '../protocol/schema.ts';
import type { PostponementView } from '../protocol/views.ts';
import { readIfReadable, removeSafely, writeFileSafely } from './files.ts';
import type { Tools } from './tools.ts';

/** A person holds updates back for a while: it has a reason and an end, and ends by itself. */
export interface Postponement {
  readonly reason: string;
  /** Wall clock, ms. */
  readonly sinceMs: number;
  readonly untilMs: number;
}

const schema = s.object({
  reason: s.string(),
  sinceMs: s.number(),
  untilMs: s.number(),
  /** The end by the clock that does not jump, valid in this boot. */
  bootId: s.string(),
  untilUptimeS: s.number(),
});

type Parts = Pick<Tools, 'box' | 'places' | 'clock'>;

const fileOf = ({ places }: Parts) => join(places.state, 'postponed.json');

/** @param forS seconds from now; 0 ends one that is in force */
export async function postpone(parts: Parts, forS: number, reason: string): Promise<void> {
  if (forS === 0) return removeSafely(fileOf(parts));
  const { box, clock } = parts;
  const sinceMs = clock.now();
  const entry: s.Output<typeof schema> = {
    reason,
    sinceMs,
    untilMs: sinceMs + forS * 1000,
    bootId: await box.bootId(),
    untilUptimeS: clock.uptimeS() + forS,
  };
  await writeFileSafely(fileOf(parts), JSON.stringify(entry));
}

/** The postponement in force; null when there is none or it is over. */
export async function readPostponement(parts: Parts): Promise<Postponement | null> {
  const text = await readIfReadable(fileOf(parts));
  const entry = text === undefined ? undefined : parse(text);
  if (!entry) return null;
  const { box, clock } = parts;
  const nowMs = clock.now();
  // A clock that learned the time meanwhile must neither end it at once nor make it last for years.
  const sameBoot = entry.bootId === (await box.bootId());
  const leftMs = sameBoot ? (entry.untilUptimeS - clock.uptimeS()) * 1000 : entry.untilMs - nowMs;
  if (leftMs <= 0 || leftMs > longestPostponementS * 1000) return null;
  return { reason: entry.reason, sinceMs: entry.sinceMs, untilMs: nowMs + leftMs };
}

/** As it goes over the socket. */
export async function postponementView(parts: Parts): Promise<PostponementView | null> {
  const found = await readPostponement(parts);
  if (found === null) return null;
  const iso = (ms: number) => new Date(ms).toISOString();
  return { reason: found.reason, since: iso(found.sinceMs), until: iso(found.untilMs) };
}

function parse(text: string): s.Output<typeof schema> | undefined {
  try {
    return s.parse(schema, JSON.parse(text));
  } catch {
    return undefined; // torn: at worst an update comes earlier than somebody wished
  }
}
