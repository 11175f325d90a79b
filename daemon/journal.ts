import { rename } from 'node:fs/promises';
import * as z from 'zod';
import { UpdateError } from '../protocol/errors.ts';
import { factsSchemas, type StepName, stepNames } from './facts.ts';
import { exists, readIfThere, writeFileSafely } from './files.ts';
import type { At } from './machine.ts';
import type { Places } from './places.ts';

export const journalFormat = 1;

/** One position, saved before the step acts. */
export interface Entry {
  readonly at: At;
  /** Boot in which it was written. */
  readonly bootId: string;
  /** How often this step was begun: a counter that ends any loop. */
  readonly tries: number;
}

export type Found =
  | { readonly kind: 'entry'; readonly entry: Entry }
  | { readonly kind: 'none' }
  /** The bad file is kept beside its place; `onTrial` alone decides what to do. */
  | { readonly kind: 'unreadable'; readonly error: UpdateError };

const entrySchema = z.object({
  format: z.literal(journalFormat),
  bootId: z.string(),
  tries: z.int().positive(),
  at: z.discriminatedUnion(
    'step',
    stepNames.map((step) => factsSchemas[step].extend({ step: z.literal(step) })) as never as [typeof anyAt],
  ),
});
declare const anyAt: z.ZodObject<{ step: z.ZodLiteral<StepName> }>;

/** Writes the journal: whole or not at all, on the disk when it returns. */
export async function saveJournal(places: Places, { at, bootId, tries }: Entry): Promise<void> {
  await writeFileSafely(places.journal, `${JSON.stringify({ format: journalFormat, bootId, tries, at })}\n`);
}

export async function readJournal(places: Places): Promise<Found> {
  try {
    const text = await readIfThere(places.journal);
    if (text === undefined) return { kind: 'none' };
    const { at, bootId, tries } = entrySchema.parse(JSON.parse(text));
    return { kind: 'entry', entry: { at: at as unknown as At, bootId, tries } };
  } catch (cause) {
    const kept = await keepAside(places.journal);
    const message = `The journal cannot be read and is kept as ${kept}.`;
    return { kind: 'unreadable', error: new UpdateError('JOURNAL_UNREADABLE', message, { cause }) };
  }
}

/** Renames a bad file out of the way without replacing an earlier one; at most ten are kept. */
async function keepAside(path: string): Promise<string> {
  for (let n = 1; ; n++) {
    const kept = `${path}.bad-${n}`;
    if (n < 10 && (await exists(kept))) continue;
    // A disk that takes no writes must not keep the updater from starting.
    return rename(path, kept).then(
      () => kept,
      () => path,
    );
  }
}
