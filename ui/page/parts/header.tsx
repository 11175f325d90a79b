import type { Fault, Status } from '../../../protocol/views.ts';
import { durationText, headlineOf, isNews } from '../../../protocol/words.ts';
import { useBox } from '../box.ts';
import { useReboot } from '../reboot.ts';
import { t } from '../strings.ts';
import { Time, timeText, Version } from '../times.tsx';

/** So much may the clock of the box be off before it is said, seconds: answers take their time. */
const clockSlackS = 120;

/** Which box this is, what it runs, and how it is: at a glance. */
export function Header({ signOut }: { signOut: () => void }) {
  const { status, line } = useBox();
  const { box, installed, last_confirmed: confirmed } = status;
  const open = line === 'open';
  const reboots = useReboot();
  const model = [box.model, box.hardware, box.kind === 'scratch' ? t.head.scratch : null].filter(Boolean).join(' · ');
  return (
    <header class="head">
      <div class="who">
        <h1>{box.name}</h1>
        <p>{model}</p>
      </div>
      <p class={`state ${open ? moodOf(status) : reboots ? 'busy' : 'away'}`} role="status">
        <span class="lamp" aria-hidden="true" />
        <span>
          <strong>{open ? headlineOf(status) : reboots ? t.line.reboots : t.line[line]}</strong>
          {!open && <small>{t.line.stale(timeText(status.at))}</small>}
        </span>
      </p>
      <dl class="facts">
        <div>
          <dt>{t.head.runs}</dt>
          <dd>
            <Version of={installed ?? status.update?.from ?? null} />
          </dd>
        </div>
        <div>
          <dt>{t.head.confirmed}</dt>
          <dd>{confirmed ? <Time at={confirmed.ended_at} /> : t.head.notYet}</dd>
        </div>
      </dl>
      <p class="line">
        <span>{open ? t.line.open : reboots ? t.line.waits : t.line.again}</span>
        <button type="button" class="plain" onClick={signOut}>
          {t.head.signOut}
        </button>
      </p>
    </header>
  );
}

function moodOf(status: Status): 'good' | 'news' | 'busy' | 'bad' {
  if (status.state === 'stuck' || status.warnings.length > 0) return 'bad';
  if (status.state !== 'idle') return 'busy';
  return isNews(status) ? 'news' : 'good';
}

/** What a person should see before all else: warnings, and a clock that is off. */
export function Warnings() {
  const { status, heardMs } = useBox();
  const heardAt = Date.now() - (performance.now() - heardMs);
  const offS = Math.abs(Date.parse(status.at) - heardAt) / 1000;
  return (
    <>
      {status.warnings.map((fault: Fault) => (
        <div key={fault.code + fault.message} class="note bad" role="alert">
          <p>
            <strong>{t.head.needsYou}:</strong> {fault.message}
          </p>
          <p>
            {t.todo} {fault.todo}. <code>{fault.code}</code>
          </p>
        </div>
      ))}
      {offS > clockSlackS ? (
        <p class="note warn">{t.head.clockOff(durationText(offS))}</p>
      ) : (
        !status.clock_known && <p class="note warn">{t.head.clockUnknown}</p>
      )}
    </>
  );
}
