import type { LoadedConfig } from '../protocol/config.ts';
import type { UpdateError } from '../protocol/errors.ts';
import type { Progress } from '../protocol/views.ts';
import type { Box } from './box/box.ts';
import type { Update } from './facts.ts';
import type { Log } from './log.ts';
import type { Places } from './places.ts';
import type { TaskInput, TaskName, TaskResult, Worker } from './work/worker.ts';

/** What a step works with. Nothing in here is global: a test hands in its own. */
export interface Tools {
  readonly box: Box;
  readonly places: Places;
  readonly log: Log;
  readonly worker: Worker;
  readonly clock: Clock;
  /** This program: its version, and the file that was started. */
  readonly updater: { readonly version: string; readonly program: string };
  /** The configuration as it is now; a bad one has defaults in place of what is wrong. */
  config(): Promise<LoadedConfig>;
  /** Shows how far the step is; cheap, may be called often. */
  show(progress: Progress | null): void;
  /** Aborted when a person cancels; only the steps before `stop` listen. */
  readonly cancelled: AbortSignal;
  /** Why a gate holds this update back now, before anything was stopped for it; undefined when none does. */
  heldBack(update: Update): Promise<UpdateError | undefined>;
  /** True once a person wants the release on trial put back. */
  undoAsked(): boolean;
}

/** What the resident part works with; each update gets a worker and a way to be cancelled of its own. */
export interface Resident extends Omit<Tools, 'worker' | 'show' | 'cancelled' | 'heldBack' | 'undoAsked'> {
  newWorker(): Worker;
}

/** Runs one task in a process of its own. */
export async function inNewWorker<K extends TaskName>(
  { newWorker }: Pick<Resident, 'newWorker'>,
  name: K,
  input: TaskInput<K>,
): Promise<TaskResult<K>> {
  const worker = newWorker();
  try {
    return await worker.do(name, input);
  } finally {
    worker.close();
  }
}

export interface Clock {
  /** Wall clock, ms since the epoch. May jump. */
  now(): number;
  /** Never goes back, ms; for durations. */
  monotonic(): number;
  /** Since the boot, whole seconds: what the guard, another process, can compare with. */
  uptimeS(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
