import { median, ratiosOf, spreadOf } from './pairs.ts';

/** One figure, as the table has it. */
export interface Finding {
  readonly what: string;
  readonly against: string;
  /** Ours and theirs in words, with units. */
  readonly ours: string;
  readonly theirs: string;
  /** What is compared with the target; null when it is only reported. */
  readonly figure: number | null;
  /** Null = only reported. */
  readonly target: number | null;
  /** True: at least the target, not at most. */
  readonly atLeast?: boolean;
  /** Of the figure: '' for a ratio. */
  readonly unit: string;
}

/** What a figure is compared with that has no other side. */
export const fixedLimit = { against: 'a fixed limit', theirs: '' } as const;

/** Of a benchmark that could not run: why. */
export interface NotRun {
  readonly what: string;
  readonly because: string;
}

/** A ratio in paired rounds. */
export function ratio(
  words: Pick<Finding, 'what' | 'against' | 'target' | 'atLeast'> & { readonly unit: string },
  ours: readonly number[],
  theirs: readonly number[],
): Finding {
  const { unit, ...rest } = words;
  const tell = (values: readonly number[]) => `${spreadOf(values)} ${unit}`;
  return { ...rest, ours: tell(ours), theirs: tell(theirs), figure: median(ratiosOf(ours, theirs)), unit: '' };
}

export type Verdict = 'met' | 'short' | 'reported';

export function verdictOf({ figure, target, atLeast }: Finding): Verdict {
  if (target === null || figure === null) return 'reported';
  return (atLeast ? figure >= target : figure <= target) ? 'met' : 'short';
}
