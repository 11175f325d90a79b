import type { HistoryEntry, UpdateStep } from '../../../protocol/views.ts';
import { durationText, verdictText } from '../../../protocol/words.ts';
import { useBox } from '../box.ts';
import { t } from '../strings.ts';
import { Time, versionText } from '../times.tsx';
import { unwanted } from '../unwanted.ts';
import { Paths } from './paths.tsx';
import { Section } from './section.tsx';
import { Lines } from './stepper.tsx';

/** Past updates, newest first: each opens to its reason, its times and what its script printed. */
export function History() {
  const { history } = useBox();
  const [last] = history;
  const sum = last ? `${t.outcomes[last.outcome]}: ${last.to}` : t.history.none;
  return (
    <Section name="history" title={t.history.title} sum={sum}>
      {history.length === 0 && <p>{t.history.none}</p>}
      <ul class="list">
        {history.map((entry) => (
          <li key={`${entry.id} ${entry.outcome} ${entry.ended_at}`}>
            <details>
              <summary>
                <span class={`tag ${toneOf(entry)}`}>{t.outcomes[entry.outcome]}</span> <b>{entry.to}</b>{' '}
                <span class="muted">
                  {t.history.from(entry.from)} · <Time at={entry.ended_at} /> · {t.steps.by[entry.by]}
                </span>
              </summary>
              <p>{verdictText(entry, versionText)}</p>
              <Reason of={entry} />
              <Particulars of={entry} />
            </details>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Reason({ of: { because, step } }: { of: HistoryEntry }) {
  const why = unwanted(because);
  if (!why) return null;
  return (
    <p>
      {t.verdict.inStep(step)} {why.message} <code>{why.code}</code>
    </p>
  );
}

const toneOf = ({ outcome }: HistoryEntry): string =>
  outcome === 'confirmed' ? 'good' : outcome === 'undone' || outcome === 'cancelled' ? 'plain' : 'warn';

/** What there is to know beside the outcome and its reason. */
export function Particulars({ of: entry }: { of: HistoryEntry }) {
  const { seconds, cuts, outage_s, signed_by, script_tail, kept_aside, clock_known } = entry;
  const backS = seconds.rollback === undefined ? null : seconds.rollback + (seconds.restored ?? 0);
  const times = Object.entries(seconds) as [UpdateStep, number][];
  return (
    <>
      {cuts.map(({ step, into_s }) => (
        <p key={step + into_s}>{t.verdict.cut(step, into_s)}</p>
      ))}
      {outage_s !== null && <p>{t.verdict.outage(outage_s)}</p>}
      {backS !== null && <p>{t.verdict.putBack(backS)}</p>}
      {!clock_known && <p>{t.history.clock}</p>}
      {kept_aside && <Paths of={kept_aside.paths} text={t.verdict.kept(kept_aside.folder)} />}
      {signed_by && (
        <p class="muted">
          {t.history.signer} <span class="print">{signed_by}</span>
        </p>
      )}
      {times.length > 0 && (
        <p class="muted">
          {t.history.times} {times.map(([step, s]) => `${t.stepNames[step]} ${durationText(s)}`).join(' · ')}
        </p>
      )}
      {script_tail.length > 0 && (
        <details class="output">
          <summary>{t.history.last}</summary>
          <Lines of={script_tail} />
        </details>
      )}
    </>
  );
}
