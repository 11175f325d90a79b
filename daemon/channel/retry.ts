import type { ErrorCode } from '../../protocol/error-codes.ts';
import { UpdateError } from '../../protocol/errors.ts';

/** Faults that may be gone in a moment; anything else is final for this try. */
const passing: ReadonlySet<ErrorCode> = new Set(['SERVER_UNREACHABLE', 'STALLED', 'SERVER_ERROR']);

export interface Patience {
  /** Failures in a row without a new byte before giving up. */
  readonly tries: number;
  /** Wait after the first failure, ms; doubles up to 64 times this. */
  readonly firstWaitMs: number;
  /** No try begins after this, by the monotonic clock; never by default. */
  readonly endsAtMs?: number;
}

/**
 * Calls `attempt` until it is done. Progress between two failures counts as a fresh start, so a flaky server that
 * always gets a bit further is followed to the end, and a dead one is given up.
 * @param progress grows when something was gained that was never there before
 */
export async function patiently<T>(
  attempt: () => Promise<T>,
  progress: () => number,
  { tries, firstWaitMs, endsAtMs = Number.POSITIVE_INFINITY }: Patience,
  sleep: (ms: number) => Promise<void>,
): Promise<T> {
  for (let failures = 0; ; ) {
    const before = progress();
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof UpdateError) || !passing.has(error.code)) throw error;
      failures = progress() > before ? 1 : failures + 1;
      if (failures >= tries || performance.now() >= endsAtMs) throw error;
      await sleep(firstWaitMs * 2 ** Math.min(failures - 1, 6) * (0.75 + Math.random() / 2));
    }
  }
}
