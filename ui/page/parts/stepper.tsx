import type { Ref } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { scriptPrefix } from '../../../protocol/page.ts';
import type { Progress, StepView, UpdateView } from '../../../protocol/views.ts';
import { bytesText, durationText } from '../../../protocol/words.ts';
import { act } from '../api.ts';
import { useBox, useLog } from '../box.ts';
import { useReboot } from '../reboot.ts';
import { t } from '../strings.ts';
import { useSeconds } from '../times.tsx';
import { unwanted } from '../unwanted.ts';
import { Action, FaultNote } from './action.tsx';

const ways = ['undo', 'rollback', 'restored'];

/** The way of an update: what is done, what happens now, what comes next, and whether the power may be cut. */
export function Stepper({ update }: { update: UpdateView }) {
  const { status, heardMs, line } = useBox();
  const open = line === 'open';
  const reboots = useReboot();
  const passedS = useSeconds(heardMs);
  const now = update.steps.find(({ state }) => state === 'now');
  const back = update.steps.some(({ name, state }) => ways.includes(name) && state !== 'to do');
  const key = now?.name ?? 'confirm';
  const usualS = back ? null : status.expected?.total_s;
  const why = unwanted(update.because);
  // The undo of a confirmed release begins without a server.
  const asked = update.by !== 'file' && update.steps[0]?.name === 'download';
  const from = update.from === null ? t.noVersion : String(update.from);
  return (
    <section id="steps" class="card" aria-labelledby="steps-title">
      <h2 id="steps-title">{back ? t.steps.undoing(from) : t.steps.title(from, String(update.to))}</h2>
      <p class="muted">
        {t.steps.by[update.by]}
        {usualS && `, ${t.steps.usually(usualS)}`}
      </p>
      <div class="calm" aria-live="polite">
        <p>{update.step === 'stuck' ? t.steps.stuck : t.happening[key]}</p>
        {now && <p>{t.powerCut[key]}</p>}
      </div>
      {reboots && <p class="note">{t.line.rebootsMore}</p>}
      {!open && !reboots && <p class="note warn">{t.line.awayMore}</p>}
      {why && <FaultNote fault={why} kind="warn" />}
      <ol class="steps">
        {asked && <Row step={{ name: 'check', state: 'done', seconds: null }} />}
        {update.steps.map((step) => (
          <Row key={step.name} step={step} progress={update.progress} passedS={open ? passedS : 0} />
        ))}
      </ol>
      {update.step !== 'stuck' && (
        <Action
          kind="danger"
          run={() => act('cancel')}
          why={!update.cancellable ? t.update.whyNoCancel : open ? null : t.update.whyLost}
        >
          {t.update.cancel}
        </Action>
      )}
      <Output />
    </section>
  );
}

type AnyStep = Omit<StepView, 'name'> & { readonly name: StepView['name'] | 'check' };

function Row({ step, progress = null, passedS = 0 }: { step: AnyStep; progress?: Progress | null; passedS?: number }) {
  const { name, state, seconds } = step;
  const isNow = state === 'now';
  const time = seconds === null ? '' : durationText(seconds + (isNow ? passedS : 0));
  return (
    <li class={state.replace(' ', '-')} aria-current={isNow ? 'step' : undefined}>
      <span class="name">{t.stepNames[name]}</span>
      <span class="word">{t.steps.states[state]}</span>
      <span class="time">{time}</span>
      {isNow && progress && <Bar progress={progress} passedS={passedS} label={t.stepNames[name]} />}
    </li>
  );
}

function Bar({ progress, passedS, label }: { progress: Progress; passedS: number; label: string }) {
  const { done, unit, bytes_per_s: speed, text } = progress;
  const total = unit === 'percent' ? 100 : progress.total;
  const leftS = unit === 'bytes' && total && speed ? (total - done) / speed - passedS : null;
  const speedText = speed ? `${bytesText(speed)}/s` : '';
  return (
    <div class="bar">
      <progress aria-label={label} max={total ?? undefined} value={total ? Math.min(done, total) : undefined} />
      <span>
        {[amountText(progress), speedText, leftS !== null && leftS > 1 ? t.steps.left(leftS) : '', text]
          .filter(Boolean)
          .join(' · ')}
      </span>
    </div>
  );
}

function amountText({ done, total, unit, text }: Progress): string {
  if (unit === 'percent') return `${Math.floor(done)} %`;
  if (unit === 'bytes') return `${bytesText(done)}${total ? ` / ${bytesText(total)}` : ''}`;
  if (!total) return durationText(done);
  // Only the trial has seconds to last; what it says beside them is what is not well.
  return text ? t.steps.notWell : t.steps.wellFor(durationText(done), durationText(total));
}

/** What the installation prints, as it does. */
function Output() {
  const { status } = useBox();
  const log = useLog();
  const begun = status.update ? log.findLastIndex(({ at }) => at < status.update!.started_at) + 1 : 0;
  const lines = log.slice(begun).filter(({ text }) => text.startsWith(scriptPrefix));
  const live = status.state === 'install';
  const foot = useRef<HTMLPreElement>(null);
  useEffect(() => {
    foot.current?.scrollTo(0, foot.current.scrollHeight);
  }, [lines.length]);
  if (lines.length === 0 && !live) return null;
  return (
    <details class="output" open={live}>
      <summary>{t.steps.output}</summary>
      <Lines of={lines.map(({ text }) => text.slice(scriptPrefix.length))} foot={foot} />
    </details>
  );
}

/** Text as a program printed it; in reach of the keyboard, as it scrolls. */
export function Lines({ of, foot = null }: { of: readonly string[]; foot?: Ref<HTMLPreElement> }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be in reach of the keyboard
    <pre ref={foot} tabIndex={0}>
      {of.join('\n') || t.steps.noOutput}
    </pre>
  );
}
