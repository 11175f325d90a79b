import { errorCodes, isErrorCode } from '../../protocol/error-codes.ts';
import type { HistoryEntry, Outcome } from '../../protocol/views.ts';
import { durationText, verdictText } from '../../protocol/words.ts';
import { type Screen, styled } from './screen.ts';
import { versionText } from './text.ts';

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

/** Says how an update ended: in prose, with the reason on standard error, or as the last line of JSON. */
export function showVerdict(screen: Screen, entry: HistoryEntry, wish: Wish): void {
  if (screen.json) {
    screen.document({ event: 'verdict', ...entry });
    return;
  }
  const good = exitCodeOf(entry, wish) === 0;
  screen.line(styled(good ? 'green' : 'red', verdictText(entry, versionText)));
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
