import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UpdateError } from '../protocol/errors.ts';
import * as s from '../protocol/schema.ts';
import { readAbout } from './box/snapshot.ts';
import { factsSchemas, type StepName, stepNames } from './facts.ts';
import { exists, move, readIfThere, writeFileSafely } from './files.ts';
import type { At } from './machine.ts';
import type { Places } from './places.ts';

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

/**
 * How entries of one format are written and read. A release may bring a newer updater, and its undo leads back to the
 * older one: each format that a daemon in use may have begun an update with stays in the table.
 */
export interface Format {
  /** The document, but for its `format`. */
  write(entry: Entry): object;
  /** @throws when the document is none of this format */
  read(document: unknown): Entry;
}
export type Formats = Readonly<Record<number, Format>>;

const positionSchema = (step: StepName) => s.object({ ...factsSchemas[step].entries, step: s.literal(step) });

const entrySchema = s.object({
  bootId: s.string(),
  tries: s.int(s.minValue(1)),
  at: s.variant('step', stepNames.map(positionSchema) as never as [ReturnType<typeof positionSchema>]),
});

export const journalFormats: Formats = {
  1: { write: ({ at, bootId, tries }) => ({ bootId, tries, at }), read: (document) => entryOf(document) },
};

function entryOf(document: unknown): Entry {
  const { at, bootId, tries } = s.parse(entrySchema, document);
  return { at: at as unknown as At, bootId, tries };
}

/** What a daemon that begins an update writes. */
export const newestFormat = (formats: Formats = journalFormats): number =>
  Math.max(...Object.keys(formats).map(Number));

/** Writes the journal: whole or not at all, on the disk when it returns. */
export async function saveJournal(places: Places, entry: Entry, formats = journalFormats): Promise<void> {
  await writeFileSafely(places.journal, await textOf(places, entry, formats));
}

/** Keeps the position of a stuck box beside its way back: an update that comes to nothing there leads back to it. */
export async function keepStuck(places: Places, entry: Entry): Promise<void> {
  await writeFileSafely(stuckFile(places), await textOf(places, entry, journalFormats));
}

/** Undefined when the snapshot on trial is of no stuck box, or nobody can read what it was. */
export async function readStuck(places: Places): Promise<At<'stuck'> | undefined> {
  try {
    const { at } = parseEntry(await readFile(stuckFile(places), 'utf8'), journalFormats);
    return at.step === 'stuck' ? at : undefined;
  } catch {
    return undefined;
  }
}

const stuckFile = ({ trial }: Places): string => join(trial, 'stuck.json');

async function textOf(places: Places, entry: Entry, formats: Formats): Promise<string> {
  const format = await formatToWrite(places, formats);
  return `${JSON.stringify({ format, ...formats[format]!.write(entry) })}\n`;
}

/** @throws when it is none that this updater knows */
function parseEntry(text: string, formats: Formats): Entry {
  const document = JSON.parse(text);
  const { format } = s.parse(s.object({ format: s.int() }), document);
  if (!Object.hasOwn(formats, format)) throw new Error(`format ${format} is of another updater`);
  return formats[format]!.read(document);
}

/**
 * On trial it is that of the daemon that began, which has to find its way back from here. The snapshot says which,
 * also when it comes from `previous/` and the journal was at rest meanwhile.
 */
async function formatToWrite({ trial }: Places, formats: Formats): Promise<number> {
  const begun = Number((await readAbout(trial)).journal);
  return Object.hasOwn(formats, begun) ? begun : newestFormat(formats);
}

export async function readJournal(places: Places, formats = journalFormats): Promise<Found> {
  try {
    const text = await readIfThere(places.journal);
    if (text === undefined) return { kind: 'none' };
    return { kind: 'entry', entry: parseEntry(text, formats) };
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
    return move(path, kept).then(
      () => kept,
      () => path,
    );
  }
}
