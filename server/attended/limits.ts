/** Requests that are held in the hope of a quick end, and bodies that are being read: each of them costs memory. */
export const maxHeld = 100;
export const maxBodies = 100;
/** A body holds names and a piece of configuration. */
export const maxBodyBytes = 128 * 1024;
export const bodyMs = 10_000;

/** A number of places of which some are taken. */
export function places(max: number) {
  let taken = 0;
  return {
    /** Runs the work in a place of its own; `none` is what is given when there is none left. */
    async within<T>(work: () => Promise<T>, none: () => T): Promise<T> {
      if (taken >= max) return none();
      taken++;
      try {
        return await work();
      } finally {
        taken--;
      }
    },
  };
}

const maxClients = 10_000;

/** So many things an hour for each client, and the memory of it bounded: the clients of longest ago are forgotten. */
export function hourlyLimit(max: number, nowMs: () => number) {
  const clients = new Map<string, { hour: number; count: number }>();
  const hourNow = () => Math.floor(nowMs() / 3_600_000);
  const countOf = (client: string): number => {
    const known = clients.get(client);
    return known?.hour === hourNow() ? known.count : 0;
  };
  const set = (client: string, count: number): void => {
    clients.delete(client);
    clients.set(client, { hour: hourNow(), count });
    if (clients.size > maxClients) clients.delete(clients.keys().next().value!);
  };
  return {
    /** True when the client has one left, which is then taken. */
    take(client: string): boolean {
      const count = countOf(client);
      if (count >= max) return false;
      set(client, count + 1);
      return true;
    },
    /** What was taken came to nothing. */
    giveBack: (client: string): void => set(client, Math.max(0, countOf(client) - 1)),
  };
}

/** Who a client is: of IPv6 the first half, as one subscriber has all of the second. */
export function clientOf(address: string): string {
  const plain = address.replace(/^::ffff:/i, '');
  return plain.includes(':') ? plain.split(':').slice(0, 4).join(':') : plain;
}
