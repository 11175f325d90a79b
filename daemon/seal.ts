import type { Tools } from './tools.ts';

/** What belongs to the updater and no release may change: what it is, to its fingerprint. */
export type Seal = Readonly<Record<string, string>>;

/** As it is now. What an operator has overridden is in it as it is: only changes count. */
export async function takeSeal({ box }: Pick<Tools, 'box'>): Promise<Seal> {
  return box.ownUnits();
}

/** What is another than before, was added or is gone; by name. */
export function brokenSeal(before: Seal, now: Seal): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...names].filter((name) => before[name] !== now[name]).sort();
}
