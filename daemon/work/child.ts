import { type ChildProcess, fork } from 'node:child_process';
import { errorFrom } from '../../protocol/control.ts';
import { UpdateError } from '../../protocol/errors.ts';
import type { Progress } from '../../protocol/views.ts';
import type { TaskName, Worker } from './worker.ts';

export type Request = { readonly task: TaskName; readonly input: unknown };
export type Message = { readonly progress: Progress } | { readonly result: unknown } | { readonly error: unknown };

/**
 * Runs the tasks in a child process that lives from the first task to `close`. Cancelling kills it: no task has to
 * be trusted to listen.
 * @param script the file that this process runs, started again with the verb `worker`
 */
export function childWorker(script: string): Worker {
  let child: ChildProcess | undefined;
  const close = () => {
    child?.kill('SIGKILL');
    child = undefined;
  };
  const start = () => {
    const started = fork(script, ['worker'], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const forget = () => {
      if (child === started) child = undefined;
    };
    // Also between two tasks; and an `error` (no memory for a process) without a listener would end this process.
    return started.on('exit', forget).on('error', forget);
  };
  return {
    close,
    do(task, input, { report = () => {}, signal } = {}) {
      const cancelled = () => new UpdateError('CANCELLED', 'The update was cancelled.');
      if (signal?.aborted) return Promise.reject(cancelled());
      child ??= start();
      const running = child;
      return new Promise((resolve, reject) => {
        const settle = (finish: () => void) => {
          running.off('message', onMessage).off('exit', onExit).off('error', onError);
          signal?.removeEventListener('abort', onAbort);
          finish();
        };
        const fail = (why: string | number) =>
          settle(() => reject(new UpdateError('INTERNAL', `The worker ended with ${why} during "${task}".`)));
        const onExit = (code: number | null, killed: string | null) => fail(killed ?? code ?? 'nothing');
        const onError = (error: Error) => fail(error.message);
        const onMessage = (message: Message) => {
          if ('progress' in message) report(message.progress);
          else if ('error' in message) settle(() => reject(errorFrom(message.error)));
          else settle(() => resolve(message.result as never));
        };
        const onAbort = () => {
          settle(() => reject(cancelled()));
          close();
        };
        signal?.addEventListener('abort', onAbort);
        running.on('message', onMessage).on('exit', onExit).on('error', onError);
        running.send({ task, input } satisfies Request, (error) => error && onError(error));
      });
    },
  };
}
