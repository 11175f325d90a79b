import { asUpdateError } from '../../protocol/errors.ts';
import type { Progress } from '../../protocol/views.ts';
import { type Memory, type Tasks, tasks } from './tasks.ts';

export type TaskName = keyof Tasks;
export type TaskInput<K extends TaskName> = Parameters<Tasks[K]>[0];
export type TaskResult<K extends TaskName> = Awaited<ReturnType<Tasks[K]>>;

/** Where the tasks of an update run. */
export interface Worker {
  /**
   * Runs one task; one at a time.
   * @throws UpdateError of the task; CANCELLED when `signal` is aborted meanwhile
   */
  do<K extends TaskName>(
    name: K,
    input: TaskInput<K>,
    options?: { report?: (progress: Progress) => void; signal?: AbortSignal },
  ): Promise<TaskResult<K>>;
  /** Ends the process and forgets what it held; the next task starts a new one. */
  close(): void;
}

/** Runs the tasks in this process: for tests. Cannot be cancelled in the middle of a task. */
export function workerHere(): Worker {
  const memory: Memory = { verified: undefined };
  return {
    async do(name, input, { report = () => {} } = {}) {
      try {
        return await (tasks[name] as (...args: unknown[]) => Promise<never>)(input, report, memory);
      } catch (thrown) {
        throw asUpdateError(thrown);
      }
    },
    close: () => void memory.verified?.pack.staged?.close(),
  };
}
