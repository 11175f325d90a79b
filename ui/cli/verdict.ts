import { errorCodes, isErrorCode } from '../../protocol/error-codes.ts';
import type { HistoryEntry, Outcome } from '../../protocol/views.ts';
import { type Screen, styled } from './screen.ts';
import { durationText, versionText } from './text.ts';

/** What the person wanted: the new release, or the earlier one back. */
export type Wish = 'install' | 'rollback';

const fulfilled: Readonly<Record<Wish, readonly Outcome[]>> = {
  install: ['confirmed'],
  rollback: ['undone', 'rolled back'],
};

/** 0 when the wish came true; 6 when the box was put back instead; else the exit code of the reason. */
export function exitCodeOf({ outcome, because }: HistoryEntry, wish: Wish): number {
  if (fulfilled[wish].includes(outcome)) return 0;
  if (outcome === 'rolled back' || outcome === 'undone' || !isErrorCode(because?.code)) return 6;
  return errorCodes[because.code].exit;
}

const sentences: Readonly<Record<Outcome, (entry: HistoryEntry) => string>> = {
  confirmed: ({ to }) => `Release ${versionText(to)} is installed and confirmed.`,
  'rolled back': ({ to, from }) => `Release ${versionText(to)} did not hold; the box was put back to ${nameOf(from)}.`,
  undone: ({ to, from }) => `Release ${versionText(to)} was undone; the box runs ${nameOf(from)} again.`,
  refused: ({ to }) => `Release ${versionText(to)} was refused; nothing was changed.`,
  'held back': ({ to }) => `The update to ${versionText(to)} was held back; nothing was changed.`,
  failed: ({ to, step }) =>
    step === 'undo'
      ? `Release ${versionText(to)} was not undone; nothing was changed.`
      : `The update to ${versionText(to)} failed in step ${step}.`,
  cancelled: ({ to }) => `The update to ${versionText(to)} was cancelled; nothing was changed.`,
};
const nameOf = (version: number | null): string => (version === null ? 'the earlier release' : versionText(version));

/** Says how an update ended: in prose, with the reason on standard error, or as the last line of JSON. */
export function showVerdict(screen: Screen, entry: HistoryEntry, wish: Wish): void {
  if (screen.json) {
    screen.document({ event: 'verdict', ...entry });
    return;
  }
  const good = exitCodeOf(entry, wish) === 0;
  screen.line(styled(good ? 'green' : 'red', sentences[entry.outcome]?.(entry) ?? `Update ended: ${entry.outcome}.`));
  if (entry.outage_s !== null) screen.line(`The services were down for ${durationText(entry.outage_s)}.`);
  if (entry.kept_aside) {
    const { folder, paths } = entry.kept_aside;
    screen.line(`Changed by others since that update, and now kept in ${folder}:`);
    for (const path of paths.first) screen.line('    ', path);
    if (paths.count > paths.first.length) screen.line(`    and ${paths.count - paths.first.length} more`);
  }
  if (good) return;
  for (const text of entry.script_tail) screen.aside(styled('dim', '  | '), text);
  if (entry.because) screen.fault(entry.because);
}
