import { setTimeout as sleep } from 'node:timers/promises';
import { Refusal } from './refuse.ts';

/** Tries that may come at once, and how often one more is given. */
const burst = 5;
const everyMs = 5_000;
/** Who wait at once: of one address, and in all. */
const mostWaiting = { address: 3, all: 20 };
const mostAddresses = 1_000;

/** Slows down who guesses; nobody is locked out by what others try, nor for long by what he tries himself. */
export function openPatience(nowMs: () => number = () => performance.now()) {
  const buckets = new Map<string, { tokens: number; atMs: number; waiting: number }>();
  let waiting = 0;

  function bucketOf(address: string) {
    const name = networkOf(address);
    const now = nowMs();
    const old = buckets.get(name) ?? { tokens: burst, atMs: now, waiting: 0 };
    const tokens = Math.min(burst, old.tokens + (now - old.atMs) / everyMs);
    const bucket = Object.assign(old, { tokens, atMs: now });
    buckets.delete(name);
    buckets.set(name, bucket);
    // The one that was quiet for longest.
    if (buckets.size > mostAddresses) buckets.delete(buckets.keys().next().value!);
    return bucket;
  }

  return {
    /** Comes back when it is this address's turn. @throws Refusal TOO_MANY when too many wait already */
    async turn(address: string): Promise<void> {
      const bucket = bucketOf(address);
      // Taken now: who comes next waits for longer.
      const waitMs = Math.max(0, (1 - bucket.tokens) * everyMs);
      if (waitMs > 0 && (bucket.waiting >= mostWaiting.address || waiting >= mostWaiting.all))
        throw new Refusal('TOO_MANY');
      bucket.tokens -= 1;
      if (waitMs === 0) return;
      bucket.waiting++;
      waiting++;
      try {
        await sleep(waitMs, undefined, { ref: false });
      } finally {
        bucket.waiting--;
        waiting--;
      }
    },
    /** It was right: what came before were slips. */
    forgive: (address: string): void => void buckets.delete(networkOf(address)),
  };
}
export type Patience = ReturnType<typeof openPatience>;

/** Of IPv6 the network: one machine has as many addresses there as it likes. */
function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*$/, '');
  return plain.includes(':') ? plain.split(':').slice(0, 4).join(':') : plain;
}
