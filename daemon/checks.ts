import { join } from 'node:path';
import { faultOf } from '../protocol/control.ts';
import { asUpdateError } from '../protocol/errors.ts';
import * as s from '../protocol/schema.ts';
import type { Available, Fault } from '../protocol/views.ts';
import { askedOf } from './asked.ts';
import { upgradesOf } from './components.ts';
import type { ComponentsRecord } from './components-on-box.ts';
import { type Offer, offerSchema } from './facts.ts';
import { readIfThere, writeFileSafely } from './files.ts';
import { inNewWorker, type Resident } from './tools.ts';

const waitSchema = s.object({ failures: s.int(s.minValue(0)), untilMs: s.number(), code: s.nullable(s.string()) });
type Wait = s.Output<typeof waitSchema>;
const noWait: Wait = { failures: 0, untilMs: 0, code: null };
const memorySchema = s.object({
  offer: s.nullable(offerSchema),
  last: s.nullable(s.object({ at: s.string(), fault: s.nullable(s.unknown()) })),
  /** In a row: of asking, and of updates. Each has its own wait, and ends with its own success. */
  asking: waitSchema,
  updates: waitSchema,
});
type Memory = s.Output<typeof memorySchema>;

const firstWaitMs = 5 * 60_000;
const longestWaitMs = 24 * 3600_000;

/** Asks the server what is newest; knows the last answer and how long to wait after failures. */
export interface Checks {
  /** Reads what an earlier daemon of this boot knew. */
  start(): Promise<void>;
  /**
   * A good answer ends the wait after bad ones.
   * @param counts true: of one that fails the schedule waits, ever longer; a person may ask as often as they like
   * @throws UpdateError of the channel; the failure is shown
   */
  ask(counts: boolean): Promise<Offer | null>;
  /**
   * The end of an update: a failure has the schedule wait, ever longer; a success ends that.
   * @param code why it failed; null = it did not
   * @param atLeast failures that are known from before this boot
   */
  count(code: string | null, atLeast?: number): Promise<void>;
  readonly asking: boolean;
  readonly offer: Offer | null;
  readonly last: { readonly at: string; readonly fault: Fault | null } | null;
  /** For how long the schedule waits after failures: how many there were, of what code the last was; 0 = it does not. */
  readonly backOff: Wait;
}

type Parts = Pick<Resident, 'newWorker' | 'places' | 'clock' | 'config' | 'log' | 'box'>;

export function openChecks(tools: Parts, changed: () => void): Checks {
  const { newWorker, places, clock, log } = tools;
  // In memory only: a check that finds nothing writes nothing to the SD card.
  const file = join(places.run, 'checks.json');
  let memory: Memory = { offer: null, last: null, asking: noWait, updates: noWait };
  let asking: Promise<Offer | null> | undefined;

  async function save(next: Partial<Memory>): Promise<void> {
    memory = { ...memory, ...next };
    await writeFileSafely(file, JSON.stringify(memory));
    changed();
  }

  function oneMore({ failures: before }: Wait, code: string, atLeast = 0): Wait {
    const failures = Math.max(before + 1, atLeast);
    const waitMs = Math.min(firstWaitMs * 2 ** Math.min(failures - 1, 20), longestWaitMs);
    return { failures, untilMs: clock.now() + waitMs, code };
  }

  async function askNow(counts: boolean): Promise<Offer | null> {
    const at = new Date(clock.now()).toISOString();
    try {
      const offer = await inNewWorker({ newWorker }, 'latest', await askedOf(tools));
      // The same as the last time is no news; when that was, the status says.
      const same = memory.last?.fault === null && memory.offer?.version === offer?.version;
      log[same ? 'daily' : 'info']('checked', { offered: offer?.version ?? 'nothing' });
      await save({ offer, last: { at, fault: null }, asking: noWait });
      return offer;
    } catch (thrown) {
      const error = asUpdateError(thrown);
      log.error('check failed', error);
      const asked = counts ? { asking: oneMore(memory.asking, error.code) } : {};
      await save({ last: { at, fault: faultOf(error) }, ...asked });
      throw error;
    }
  }

  return {
    async start() {
      try {
        const text = await readIfThere(file);
        if (text !== undefined) memory = s.parse(memorySchema, JSON.parse(text));
      } catch (error) {
        log.error('what was known of earlier checks is lost', asUpdateError(error));
      }
    },
    ask(counts) {
      // Two who ask at once get one answer.
      asking ??= askNow(counts).finally(() => {
        asking = undefined;
        changed();
      });
      changed();
      return asking;
    },
    async count(code, atLeast) {
      const { updates } = memory;
      await save({ updates: code === null ? noWait : oneMore(updates, code, atLeast) });
    },
    get asking() {
      return asking !== undefined;
    },
    get offer() {
      return memory.offer;
    },
    get last() {
      return memory.last as Checks['last'];
    },
    get backOff() {
      // A clock that jumped back must not turn an hour into years; what is left of it is set once, and then passes.
      const latestMs = clock.now() + longestWaitMs;
      const inTime = (wait: Wait): Wait => (wait.untilMs > latestMs ? { ...wait, untilMs: latestMs } : wait);
      memory = { ...memory, asking: inTime(memory.asking), updates: inTime(memory.updates) };
      const { asking, updates } = memory;
      return asking.untilMs > updates.untilMs ? asking : updates;
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
