import { join } from 'node:path';
import * as z from 'zod';
import { faultOf } from '../protocol/control.ts';
import { asUpdateError } from '../protocol/errors.ts';
import type { Available, Fault } from '../protocol/views.ts';
import { askedOf } from './asked.ts';
import { upgradesOf } from './components.ts';
import type { ComponentsRecord } from './components-on-box.ts';
import { type Offer, offerSchema } from './facts.ts';
import { readIfThere, writeFileSafely } from './files.ts';
import { inNewWorker, type Resident } from './tools.ts';

const memorySchema = z.object({
  offer: offerSchema.nullable(),
  last: z.object({ at: z.string(), fault: z.unknown().nullable() }).nullable(),
  failures: z.int().nonnegative(),
  backOffUntilMs: z.number(),
});
type Memory = z.output<typeof memorySchema>;

const firstWaitMs = 5 * 60_000;
const longestWaitMs = 24 * 3600_000;

/** Asks the server what is newest; knows the last answer and how long to wait after failures. */
export interface Checks {
  /** Reads what an earlier daemon of this boot knew. */
  start(): Promise<void>;
  /** @throws UpdateError of the channel; the failure is counted and shown */
  ask(): Promise<Offer | null>;
  /**
   * A failure of what was offered counts like one of asking; a success ends the wait.
   * @param atLeast failures that are known from before this boot
   */
  count(ok: boolean, atLeast?: number): Promise<void>;
  readonly asking: boolean;
  readonly offer: Offer | null;
  readonly last: { readonly at: string; readonly fault: Fault | null } | null;
  readonly backOffUntilMs: number;
}

type Parts = Pick<Resident, 'newWorker' | 'places' | 'clock' | 'config' | 'log' | 'box'>;

export function openChecks(tools: Parts, changed: () => void): Checks {
  const { newWorker, places, clock, log } = tools;
  // In memory only: a check that finds nothing writes nothing to the SD card.
  const file = join(places.run, 'checks.json');
  let memory: Memory = { offer: null, last: null, failures: 0, backOffUntilMs: 0 };
  let asking: Promise<Offer | null> | undefined;

  async function save(next: Partial<Memory>): Promise<void> {
    memory = { ...memory, ...next };
    await writeFileSafely(file, JSON.stringify(memory));
    changed();
  }

  async function count(ok: boolean, atLeast = 0): Promise<void> {
    const failures = ok ? 0 : Math.max(memory.failures + 1, atLeast);
    const waitMs = Math.min(firstWaitMs * 2 ** Math.min(failures - 1, 20), longestWaitMs);
    await save({ failures, backOffUntilMs: ok ? 0 : clock.now() + waitMs });
  }

  async function askNow(): Promise<Offer | null> {
    const at = new Date(clock.now()).toISOString();
    try {
      const offer = await inNewWorker({ newWorker }, 'latest', await askedOf(tools));
      // The same as the last time is no news; when that was, the status says.
      const same = memory.last?.fault === null && memory.offer?.version === offer?.version;
      log[same ? 'daily' : 'info']('checked', { offered: offer?.version ?? 'nothing' });
      await save({ offer, last: { at, fault: null } });
      return offer;
    } catch (thrown) {
      const error = asUpdateError(thrown);
      log.error('check failed', error);
      await save({ last: { at, fault: faultOf(error) } });
      await count(false);
      throw error;
    }
  }

  return {
    async start() {
      try {
        const text = await readIfThere(file);
        if (text !== undefined) memory = memorySchema.parse(JSON.parse(text));
      } catch (error) {
        log.error('what was known of earlier checks is lost', asUpdateError(error));
      }
    },
    ask() {
      // Two who ask at once get one answer.
      asking ??= askNow().finally(() => {
        asking = undefined;
        changed();
      });
      changed();
      return asking;
    },
    count,
    get asking() {
      return asking !== undefined;
    },
    get offer() {
      return memory.offer;
    },
    get last() {
      return memory.last as Checks['last'];
    },
    get backOffUntilMs() {
      // A clock that jumped back must not turn an hour into years.
      return Math.min(memory.backOffUntilMs, clock.now() + longestWaitMs);
    },
  };
}

export const availableOf = (offer: Offer, running: ComponentsRecord | null): Available => ({
  version: offer.version,
  upgrades: upgradesOf(offer, running),
  size_bytes: offer.sizeBytes,
  hardware: offer.hardware,
  notes: offer.notes,
});
