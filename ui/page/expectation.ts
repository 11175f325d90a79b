import type { HistoryEntry } from '../../protocol/views.ts';

/** What an update takes on this box, seconds: the median of those that were confirmed. */
export function expectedS(history: readonly HistoryEntry[]): { allS: number; outageS: number | null } | null {
  const past = history.filter(({ outcome }) => outcome === 'confirmed').slice(0, 9);
  if (past.length === 0) return null;
  const outages = past.flatMap(({ outage_s }) => outage_s ?? []);
  return { allS: median(past.map(tookS)), outageS: outages.length > 0 ? median(outages) : null };
}

/** From the begin to the confirmation; where nobody told the box the time, the sum of its steps. */
export function tookS({ clock_known, started_at, ended_at, seconds }: HistoryEntry): number {
  const steps = Object.values(seconds).reduce((sum, s) => sum + s, 0);
  const passed = (Date.parse(ended_at) - Date.parse(started_at)) / 1000;
  return clock_known ? Math.max(passed, steps) : steps;
}

const median = (numbers: number[]): number => numbers.sort((a, b) => a - b)[numbers.length >> 1]!;
