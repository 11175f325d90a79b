import { type ChildProcess, fork } from 'node:child_process';
import { errorFrom, faultOf } from '../../protocol/control.ts';
import { asUpdateError, UpdateError } from '../../protocol/errors.ts';
import { type Memory, tasks } from './tasks.ts';
import type { TaskName, Worker } from './worker.ts';

type Request = { readonly task: TaskName; readonly input: unknown };
type Message = { readonly progress: never } | { readonly result: unknown } | { readonly error: unknown };

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
  return {
    close,
    do(task, input, { report = () => {}, signal } = {}) {
      child ??= fork(script, ['worker'], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
      const running = child;
      return new Promise((resolve, reject) => {
        const settle = (finish: () => void) => {
          running.off('message', onMessage).off('exit', onExit);
          signal?.removeEventListener('abort', onAbort);
          finish();
        };
        const onMessage = (message: Message) => {
          if ('progress' in message) report(message.progress);
          else if ('error' in message) settle(() => reject(errorFrom(message.error)));
          else settle(() => resolve(message.result as never));
        };
        const onExit = (code: number | null, killed: string | null) => {
          if (child === running) child = undefined;
          settle(() =>
            reject(new UpdateError('INTERNAL', `The worker ended with ${killed ?? code} during "${task}".`)),
          );
        };
        const onAbort = () => {
          settle(() => reject(new UpdateError('CANCELLED', 'The update was cancelled.')));
          close();
        };
        if (signal?.aborted) return onAbort();
        signal?.addEventListener('abort', onAbort);
        running.on('message', onMessage).on('exit', onExit);
        running.send({ task, input } satisfies Request);
      });
    },
  };
}

/** The other side: the child's main. Ends when its parent does. */
export async function runWorker(): Promise<number> {
  const memory: Memory = { verified: undefined };
  const send = (message: object) => process.connected && process.send?.(message);
  process.on('message', async ({ task, input }: Request) => {
    try {
      const run = tasks[task] as (...args: unknown[]) => Promise<unknown>;
      send({ result: await run(input, (progress: unknown) => send({ progress }), memory) });
    } catch (thrown) {
      const error = asUpdateError(thrown);
      // The stack does not cross to the parent, and without it a surprise cannot be explained.
      if (error.code === 'INTERNAL') console.error(thrown);
      send({ error: faultOf(error) });
    }
  });
  await new Promise<void>((resolve) => process.once('disconnect', resolve));
  return 0;
}
