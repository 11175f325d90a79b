import { durationText } from '../../protocol/words.ts';
import { type Call, countOf } from './arguments.ts';
import { styled } from './screen.ts';
import { timeText } from './text.ts';

/** Past updates, newest first, with the reason of each that was not confirmed. */
export async function history(call: Call): Promise<number> {
  const { screen, daemon } = call;
  const limit = countOf(call, 'lines', { min: 1, max: 200 });
  const entries = await daemon.ask('history', limit === undefined ? {} : { limit });
  if (screen.json) screen.document(entries);
  else if (entries.length === 0) screen.line('No updates yet.');
  else {
    for (const {
      ended_at,
      from,
      to,
      by,
      outcome,
      because,
      step,
      outage_s,
      cuts = [],
      seconds,
      kept_aside,
    } of entries) {
      const outage = outage_s === null ? '' : `, services down for ${durationText(outage_s)}`;
      const style = outcome === 'confirmed' ? 'green' : 'yellow';
      const what = `  ${from ?? 'nothing'} -> ${to}  `;
      screen.line(styled('dim', timeText(ended_at)), what, styled(style, outcome), ` (by ${by}${outage})`);
      for (const cut of cuts) {
        const far = cut.into_s === null ? '' : `, ${durationText(cut.into_s)} in`;
        screen.line(`    power was lost in step ${cut.step}${far}`);
      }
      const backS = seconds.rollback === undefined ? null : seconds.rollback + (seconds.restored ?? 0);
      if (backS !== null) screen.line(`    put back in ${durationText(backS)}`);
      if (kept_aside) screen.line(`    ${kept_aside.paths.count} changed by others, kept in ${kept_aside.folder}`);
      if (because) screen.line(`    in step ${step}: ${because.code}: ${because.message}`);
    }
  }
  return 0;
}
