import { setTimeout as sleep } from 'node:timers/promises';
import { asUpdateError, UpdateError } from '../../protocol/errors.ts';
import type { DaemonEvent } from './sse.ts';

/** What following yields between events: once for each gap in the line to the daemon. */
export interface Lost {
  readonly event: 'lost';
}

/**
 * Listens to the daemon over broken connections: a box that updates itself goes away and comes back. Lost
 * ones are tried again with pauses of a quarter to five seconds.
 * @param listen opens the stream anew; the daemon begins each with the whole truth
 * @param met true: the daemon has just answered; false: the first connection has to succeed at once
 * @param patienceS asked at each failed try: the longest silence that is borne
 * @throws UpdateError DAEMON_UNREACHABLE when patience is at its end, or what the first connection threw
 */
export async function* follow(
  listen: () => AsyncGenerator<DaemonEvent>,
  { met, signal, patienceS }: { met: boolean; signal: AbortSignal; patienceS: () => number },
): AsyncGenerator<DaemonEvent | Lost> {
  let lastHeardMs = met ? performance.now() : Number.NEGATIVE_INFINITY;
  let pauseMs = 250;
  let connected = false;
  while (!signal.aborted) {
    let gone = new UpdateError('DAEMON_UNREACHABLE', 'The daemon ended the connection.');
    try {
      for await (const event of listen()) {
        [lastHeardMs, pauseMs, connected] = [performance.now(), 250, true];
        yield event;
      }
    } catch (thrown) {
      gone = asUpdateError(thrown);
    }
    if (signal.aborted) return;
    if (connected) yield { event: 'lost' };
    connected = false;
    if (performance.now() - lastHeardMs >= patienceS() * 1000) throw gone;
    // The only thing that ends this pause early is the signal, which the loop looks at.
    await sleep(pauseMs, undefined, { signal }).catch(() => {});
    pauseMs = Math.min(pauseMs * 2, 5000);
  }
}

/** SIGINT and SIGTERM as an AbortSignal, for commands that have something to say before they end. */
export function interruption(host: NodeJS.Process): { signal: AbortSignal; endAsInterrupted(): Promise<never> } {
  const controller = new AbortController();
  let name: NodeJS.Signals = 'SIGTERM';
  const on = (signal: NodeJS.Signals): void => {
    name = signal;
    controller.abort();
  };
  host.on('SIGINT', on).on('SIGTERM', on);
  return {
    signal: controller.signal,
    /** Ends by the signal itself, so that a calling shell sees what happened. */
    async endAsInterrupted() {
      host.off('SIGINT', on).off('SIGTERM', on);
      host.kill(host.pid, name);
      return new Promise(() => {});
    },
  };
}
