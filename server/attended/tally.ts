import type { About, Outcome } from './about.ts';
import type { QueueNumbers } from './queue.ts';

/** What an operator watches of builds on demand; the counts begin at the start of the server. */
export interface BuildNumbers {
  /** Undefined when the queue does not answer. */
  readonly queue: (QueueNumbers & { readonly alive: boolean }) | undefined;
  readonly ended: Readonly<Record<Outcome, number>>;
  /** Of all builds that ended. */
  readonly seconds: number;
  readonly imageBytes: number;
  readonly cacheDir: string;
}

/** Counts the builds that end. */
export function tallyBuilds() {
  const ended: Record<Outcome, number> = { done: 0, nothing: 0, conflict: 0, 'too-large': 0, failed: 0 };
  let ms = 0;
  return {
    ended,
    seconds: (): number => ms / 1000,
    add({ outcome, buildMs }: Pick<About, 'outcome' | 'buildMs'>): void {
      ended[outcome]++;
      ms += buildMs;
    },
  };
}
