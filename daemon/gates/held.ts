import { join } from 'node:path';
import { readIfReadable, removeSafely, writeFileSafely } from '../files.ts';
import type { Tools } from '../tools.ts';

/**
 * Since when gates hold the schedule back. On disk, as a box that reboots every week would else wait for ever; written
 * when it begins, and when the clock turns out to have been wrong.
 */
export interface Held {
  /** Wall clock, ms; null = nothing is held. */
  sinceMs(): Promise<number | null>;
  /** A gate has held an update back. */
  begins(): Promise<void>;
  ends(): Promise<void>;
}

/** `guessed`: nobody knew the time; a box whose network never tells it must not wait for ever, either. */
interface Since {
  readonly ms: number;
  readonly guessed: boolean;
}

export function openHeld({ places, clock, box }: Pick<Tools, 'places' | 'clock' | 'box'>): Held {
  const file = join(places.state, 'held-since');
  let known: Since | null | undefined;

  async function begin(): Promise<Since> {
    known = { ms: clock.now(), guessed: !(await box.clockKnown()) };
    await writeFileSafely(file, `${known.ms}${known.guessed ? ' guessed' : ''}\n`);
    return known;
  }

  async function since(): Promise<Since | null> {
    if (known === undefined) known = parse((await readIfReadable(file)) ?? '');
    if (known === null) return null;
    const isAhead = known.ms > clock.now();
    // One from a clock that was ahead, or that nobody had put right yet, counts from now.
    if ((isAhead || known.guessed) && (await box.clockKnown())) return begin();
    return isAhead ? { ...known, ms: clock.now() } : known;
  }

  return {
    sinceMs: async () => (await since())?.ms ?? null,
    async begins() {
      if ((await since()) === null) await begin();
    },
    async ends() {
      if ((await since()) === null) return;
      known = null;
      await removeSafely(file);
    },
  };
}

function parse(text: string): Since | null {
  const [, ms, guessed] = /^(\d{1,15})( guessed)?\n?$/.exec(text) ?? [];
  return ms === undefined ? null : { ms: Number(ms), guessed: guessed !== undefined };
}
