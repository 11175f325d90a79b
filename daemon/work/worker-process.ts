import { faultOf } from '../../protocol/control.ts';
import { asUpdateError } from '../../protocol/errors.ts';
import type { Progress } from '../../protocol/views.ts';
import { keepHeapSmall } from '../small-heap.ts';
import type { Message, Request } from './child.ts';
import { type Memory, tasks } from './tasks.ts';

/** The child's main: runs what it is sent. Ends when its parent does, whatever it is doing. */
export async function runWorker(): Promise<number> {
  keepHeapSmall();
  const memory: Memory = { verified: undefined };
  const send = (message: Message) => process.connected && process.send?.(message);
  process.on('message', async ({ task, input }: Request) => {
    try {
      const run = tasks[task] as (...args: unknown[]) => Promise<unknown>;
      send({ result: await run(input, (progress: Progress) => send({ progress }), memory) });
    } catch (thrown) {
      const error = asUpdateError(thrown);
      // The stack does not cross to the parent, and without it a surprise cannot be explained.
      if (error.code === 'INTERNAL') console.error(thrown);
      send({ error: faultOf(error) });
    }
  });
  // At once: the next daemon may already be writing the same files.
  process.once('disconnect', () => process.exit(0));
  return new Promise(() => {});
}
