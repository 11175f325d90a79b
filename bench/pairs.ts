/** Rounds of one thing after the other, so that what else the machine does hits both. */
export async function inPairs<T, U>(
  rounds: number,
  ours: () => Promise<T>,
  theirs: () => Promise<U>,
): Promise<{ readonly ours: T[]; readonly theirs: U[] }> {
  const found = { ours: [] as T[], theirs: [] as U[] };
  for (let round = 0; round < rounds; round++) {
    // Who begins takes turns: the second finds the page cache warmer.
    if (round % 2 === 0) found.ours.push(await ours());
    found.theirs.push(await theirs());
    if (round % 2 === 1) found.ours.push(await ours());
  }
  return found;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Ratio of each pair: a machine that was busy for one round was busy for both. */
export const ratiosOf = (ours: readonly number[], theirs: readonly number[]): number[] =>
  ours.map((value, round) => value / theirs[round]!);

/** The median with the lowest and the highest, as in "1.23 (1.19 to 1.40)". */
export const spreadOf = (values: readonly number[], digits = 2): string =>
  `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)})`;
