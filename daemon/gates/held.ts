import { join } from 'node:path';
import { readIfThere, removeSafely, writeFileSafely } from '../files.ts';
import type { Tools } from '../tools.ts';

/**
 * Since when gates hold the schedule back. On disk, as a box that reboots every week would else wait for ever;
 * written once, when it begins.
 */
export interface Held {
  /** Wall clock, ms; null = nothing is held. */
  sinceMs(): Promise<number | null>;
  /** A gate has held an update back. Without a known clock that is not noted: its time would be worth nothing. */
  begins(): Promise<void>;
  ends(): Promise<void>;
}

export function openHeld({ places, clock, box }: Pick<Tools, 'places' | 'clock' | 'box'>): Held {
  const file = join(places.state, 'held-since');
  let known: number | null | undefined;
  async function sinceMs(): Promise<number | null> {
    if (known === undefined) known = Number.parseInt((await readIfThere(file)) ?? '', 10) || null;
    // One from a clock that was ahead counts from now.
    return known === null ? null : Math.min(known, clock.now());
  }
  return {
    sinceMs,
    async begins() {
      if ((await sinceMs()) !== null || !(await box.clockKnown())) return;
      known = clock.now();
      await writeFileSafely(file, `${known}\n`);
    },
    async ends() {
      if ((await sinceMs()) === null) return;
      known = null;
      await removeSafely(file);
    },
  };
}
