import { useEffect, useState } from 'preact/hooks';
import { t } from './strings.ts';

const firstRelease = 1e8;
const dayTime = new Intl.DateTimeFormat(t.locale, { dateStyle: 'medium', timeStyle: 'short' });
const formats = {
  day: dayTime,
  clock: new Intl.DateTimeFormat(t.locale, { timeStyle: 'short' }),
  seconds: new Intl.DateTimeFormat(t.locale, {
    ...{ day: 'numeric', month: 'short' },
    ...{ hour: '2-digit', minute: '2-digit', second: '2-digit' },
  }),
} as const;

/** The zone of all times that the page itself tells. */
export const zoneName = (): string => dayTime.resolvedOptions().timeZone;

const isTime = (iso: string): boolean => !Number.isNaN(Date.parse(iso));
const utc = (iso: string): string => `${new Date(iso).toISOString().slice(0, 19).replace('T', ' ')} UTC`;

/** For a sentence: in the browser's zone, `21 Nov 2026, 17:56`. */
export const timeText = (iso: string): string => (isTime(iso) ? dayTime.format(new Date(iso)) : iso);

/** A moment in the browser's zone; UTC on hover. */
export function Time({ at, as = 'day' }: { at: string; as?: keyof typeof formats }) {
  if (!isTime(at)) return <span>{at}</span>;
  return (
    <time dateTime={at} title={utc(at)}>
      {formats[as].format(new Date(at))}
    </time>
  );
}

const isoOf = (version: number): string => new Date(version * 1000).toISOString();

/** A release: its number and the day it was made; the small numbers that boxes ship with have no day. */
export function Version({ of }: { of: number | null }) {
  if (of === null) return <span>{t.noVersion}</span>;
  return (
    <span class="version">
      <b>{of}</b>
      {of >= firstRelease && (
        <>
          {' '}
          <Time at={isoOf(of)} />
        </>
      )}
    </span>
  );
}

/** The same for a sentence. */
export const versionText = (version: number): string =>
  version >= firstRelease ? `${version} (${timeText(isoOf(version))})` : String(version);

/** Seconds since `since` changed (by performance.now), drawn anew every second while `runs`. */
export function useSeconds(sinceMs: number, runs = true): number {
  const [, draw] = useState(0);
  useEffect(() => {
    if (!runs) return;
    const timer = setInterval(() => draw((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, [runs]);
  return Math.max(0, (performance.now() - sinceMs) / 1000);
}
