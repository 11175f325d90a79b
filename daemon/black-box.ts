import { join } from 'node:path';
import { asUpdateError } from '../protocol/errors.ts';
import * as s from '../protocol/schema.ts';
import { appendSafely, move, readIfReadable } from './files.ts';
import type { At } from './machine.ts';
import type { Places } from './places.ts';
import type { Resident } from './tools.ts';

/** What the box was doing, told at short intervals, so that a power cut can be told to the second. */
export interface BlackBox {
  /** A step begins; from here on it is noted every few seconds that it still runs. */
  begins(at: At): void;
  /** Nothing is under way any more. */
  rests(): void;
}

const eventSchema = s.object({
  /** Wall clock, ISO; worth something only when `clock_known`. */
  at: s.string(),
  clock_known: s.boolean(),
  boot_id: s.string(),
  update: s.string(),
  step: s.string(),
  /** Seconds since the step began. */
  into_s: s.number(),
});
type Event = s.Output<typeof eventSchema>;

const beatMs = 5_000;
/** Two files of at most this make the ring. */
const maxFileBytes = 32 * 1024;
/** Before these nothing is touched, so a cut is worth no wear of the SD card. */
const quiet: readonly string[] = ['download', 'verify', 'unpack', 'snapshot'];

const fileOf = (places: Places) => join(places.state, 'black-box.jsonl');
const olderOf = (places: Places) => join(places.state, 'black-box.old.jsonl');

export function openBlackBox({ box, places, clock, log }: Resident): BlackBox {
  let timer: NodeJS.Timeout | undefined;
  // One after the other; a disk that is slow, full or broken never holds the update up.
  let writing: Promise<void> = Promise.resolve();
  let failed = false;

  function note(at: At, intoMs: number): void {
    if (at.step === 'idle') return;
    const { id: update } = at.update;
    writing = writing
      .then(async () => {
        const event: Event = {
          at: new Date(clock.now()).toISOString(),
          clock_known: await box.clockKnown(),
          boot_id: await box.bootId(),
          update,
          step: at.step,
          into_s: Math.round(intoMs / 100) / 10,
        };
        await append(places, `${JSON.stringify(event)}\n`);
      })
      .catch((error) => {
        if (!failed) log.error('the black box cannot be written', asUpdateError(error));
        failed = true;
      });
  }

  return {
    begins(at) {
      clearInterval(timer);
      const began = clock.monotonic();
      note(at, 0);
      if (quiet.includes(at.step) || at.step === 'stuck') return;
      timer = setInterval(() => note(at, clock.monotonic() - began), beatMs).unref();
    },
    rests: () => clearInterval(timer),
  };
}

async function append(places: Places, line: string): Promise<void> {
  if ((await appendSafely(fileOf(places), line)) > maxFileBytes) await move(fileOf(places), olderOf(places));
}

/** How far in a step of an update was when it was last heard of, seconds; null when nothing was noted of it. */
export async function lastHeardOf(places: Places, update: string, step: string): Promise<number | null> {
  for (const file of [fileOf(places), olderOf(places)]) {
    const events = ((await readIfReadable(file)) ?? '').split('\n').flatMap(parse);
    const last = events.findLast((event) => event.update === update && event.step === step);
    if (last) return last.into_s;
  }
  return null;
}

function parse(line: string): Event[] {
  try {
    return [s.parse(eventSchema, JSON.parse(line))];
  } catch {
    return []; // torn by a power cut
  }
}
