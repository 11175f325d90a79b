import { setTimeout as sleep } from 'node:timers/promises';

/**
 * What `look` finds, asked again and again until it finds something: long, as machines may be busy.
 * @param note what to show when it never comes
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  {
    everyMs = 25,
    patienceMs = 100_000,
    note = () => '',
  }: { everyMs?: number; patienceMs?: number; note?: () => string } = {},
): Promise<Exclude<T, undefined | false>> {
  const end = performance.now() + patienceMs;
  let last: unknown;
  do {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found as Exclude<T, undefined | false>;
    } catch (error) {
      last = error;
    }
    await sleep(everyMs);
  } while (performance.now() < end);
  throw new Error(`Waited ${patienceMs / 1000} s for ${what}.\n${note()}`, { cause: last });
}
