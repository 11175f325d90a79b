import { useState } from 'preact/hooks';
import type { Outcome, Status } from '../../../protocol/views.ts';
import { bytesText, durationText, isNews, verdictText } from '../../../protocol/words.ts';
import { act, Refused } from '../api.ts';
import { type BoxView, useBox } from '../box.ts';
import { t } from '../strings.ts';
import { Time, timeText, Version, versionText } from '../times.tsx';
import { Action, FaultNote } from './action.tsx';
import { InstallDialog } from './install-dialog.tsx';
import { LaterDialog } from './later-dialog.tsx';

/** HTTP status of what is nobody's mistake and no lack of permission: see httpStatusOf in protocol/control.ts. */
const failedStatus = 422;

/**
 * What runs and what there is, and what a person may do about it.
 * @param isToldOf how the last update ended stands on a card of its own
 */
export function UpdateCard({ isToldOf }: { isToldOf: boolean }) {
  const { status, line } = useBox();
  const [asks, setAsks] = useState<'install' | 'later' | null>(null);
  const [said, setSaid] = useState('');
  const { available, postponed, last_check, last_update: last } = status;
  const news = isNews(status);
  const close = () => setAsks(null);
  const check = async () => {
    setSaid('');
    try {
      const { news } = await act('check', { install: false });
      setSaid(news ? t.update.asked.news : t.update.asked.none);
    } catch (thrown) {
      // What is wrong with server and network stands on the card already, as the outcome of the last check.
      if (!(thrown instanceof Refused && thrown.status === failedStatus)) throw thrown;
    }
  };
  return (
    <section id="update" class="card" aria-labelledby="update-title">
      <h2 id="update-title">{t.update.title}</h2>
      <dl class="pair">
        <div>
          <dt>{t.update.running}</dt>
          <dd>
            <Version of={status.installed} />
          </dd>
        </div>
        <div class={news ? 'news' : ''}>
          <dt>{t.update.available}</dt>
          <dd>{news && available ? <Version of={available.version} /> : noneText(status)}</dd>
        </div>
      </dl>
      {news && <Offer />}
      {last_check?.fault && <FaultNote fault={last_check.fault} kind="warn" />}
      <p class="muted" role="status">
        {last_check && (
          <>
            {t.update.lastCheck} <Time at={last_check.at} />.{' '}
          </>
        )}
        {status.next_check_at ? (
          <>
            {t.update.nextCheck} <Time at={status.next_check_at} />.{' '}
          </>
        ) : (
          status.server_url !== null && `${t.update.neverAsks} `
        )}
        <strong>{said}</strong>
      </p>
      {last && !isToldOf && !wanted.includes(last.outcome) && (
        <p class="note warn">
          {t.update.last} {verdictText(last, versionText)} {last.because?.message}
        </p>
      )}
      {postponed && (
        <div class="note warn">
          <p>
            {t.update.postponed(timeText(postponed.until))}
            {postponed.reason && `: ${postponed.reason}`}
          </p>
          <Action run={() => act('postpone', { for_s: 0 })}>{t.update.endPostponement}</Action>
        </div>
      )}
      <div class="actions">
        <Action kind={news ? 'plain' : 'main'} run={check} why={whyNot(status, line) ?? whyNoCheck(status)}>
          {t.update.check}
        </Action>
        <Action
          kind={news ? 'main' : 'plain'}
          run={() => setAsks('install')}
          why={whyNot(status, line) ?? whyNoInstall(status)}
        >
          {t.update.install}
        </Action>
        <Action run={() => setAsks('later')} why={line === 'open' ? null : t.update.whyLost}>
          {t.update.later}
        </Action>
      </div>
      {asks === 'install' && available && <InstallDialog version={available.version} close={close} />}
      {asks === 'later' && <LaterDialog close={close} />}
    </section>
  );
}

/** Ends that nobody needs to hear of again. */
const wanted: readonly Outcome[] = ['confirmed', 'undone', 'cancelled'];

/** What is known of the release that is offered. */
function Offer() {
  const { available, available_signed_by, expected } = useBox().status;
  if (!available) return null;
  const notes = available.notes?.trim();
  return (
    <dl class="rows">
      <dt>{t.update.size}</dt>
      <dd>{available.size_bytes === null ? t.unknown : bytesText(available.size_bytes)}</dd>
      <dt>{t.update.signer}</dt>
      <dd class={available_signed_by ? 'print' : ''}>{available_signed_by ?? t.update.signerLater}</dd>
      <dt>{t.update.takes}</dt>
      <dd>
        {expected
          ? t.update.takesUsually(
              durationText(expected.total_s),
              expected.outage_s === null ? null : durationText(expected.outage_s),
            )
          : t.update.takesUnknown}
      </dd>
      {notes && (
        <>
          <dt>{t.update.notes}</dt>
          <dd class="notes">{notes}</dd>
        </>
      )}
    </dl>
  );
}

const notAsked = ({ last_check, available }: Status): boolean => last_check === null && available === null;

function noneText(status: Status): string {
  if (status.server_url === null) return t.update.noServer;
  if (status.last_check?.fault) return t.update.notKnown;
  return notAsked(status) ? t.update.notAsked : t.update.none;
}

/** Why the box can be asked for nothing that begins an update now. */
export function whyNot({ update, state }: Status, line: BoxView['line']): string | null {
  if (line !== 'open') return t.update.whyLost;
  if (update && state !== 'stuck') return t.update.whyBusy;
  return null;
}

function whyNoCheck({ server_url, state }: Status): string | null {
  if (server_url === null) return t.update.whyNoServer;
  return state === 'checking' ? t.update.whyAsking : null;
}

function whyNoOffer(status: Status): string {
  if (status.last_check?.fault) return t.update.whyNotKnown;
  return notAsked(status) ? t.update.whyNotAsked : t.update.whyNoInstall;
}

/** A closed gate that no person may override; the last one is asked about in the dialog. */
function whyNoInstall(status: Status): string | null {
  if (!isNews(status)) return whyNoOffer(status);
  const closed = status.gates.find(({ open, soft, name }) => !open && !soft && name !== 'quarantine');
  return closed ? (closed.fault?.message ?? closed.value) : null;
}
