import { type Expected, type HistoryEntry, updateSteps } from '../protocol/views.ts';

/** Of so many confirmed updates, the newest: an SD card gets slower with the years. */
const most = 9;

/** How long updates take on this box: medians, as one that was cut off in the middle says nothing of the next. */
export function expectedOf(newestFirst: readonly HistoryEntry[]): Expected | null {
  const confirmed = newestFirst.filter(({ outcome }) => outcome === 'confirmed').slice(0, most);
  if (confirmed.length === 0) return null;
  const seconds: Partial<Record<(typeof updateSteps)[number], number>> = {};
  for (const step of updateSteps) {
    const middle = median(confirmed.flatMap((entry) => entry.seconds[step] ?? []));
    if (middle !== null) seconds[step] = middle;
  }
  return {
    updates: confirmed.length,
    seconds,
    total_s: Math.round(Object.values(seconds).reduce((sum, one) => sum + one, 0) * 10) / 10,
    outage_s: median(confirmed.flatMap((entry) => entry.outage_s ?? [])),
  };
}

const median = (values: readonly number[]): number | null =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? null;
