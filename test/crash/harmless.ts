/** Faults that need not be caught, by rule, each with the reason. */
import type { Exhibit } from './points.ts';
import type { Seed } from './seeds.ts';

interface Rule {
  readonly reason: string;
  applies(seed: Seed, exhibit: Exhibit): boolean;
}

const rules: readonly Rule[] = [];

/** Why a fault does no harm, or undefined when there is no reason. */
export const reasonFor = (seed: Seed, exhibit: Exhibit): string | undefined =>
  rules.find((rule) => rule.applies(seed, exhibit))?.reason;
