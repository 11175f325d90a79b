import { useState } from 'preact/hooks';
import { bytesText } from '../../../protocol/words.ts';
import { act, read } from '../api.ts';
import { useAnswer, useBox } from '../box.ts';
import { t } from '../strings.ts';
import { versionText } from '../times.tsx';
import { Action, FaultNote } from './action.tsx';
import { Dialog } from './dialog.tsx';
import { Paths } from './paths.tsx';
import { whyNot } from './update-card.tsx';

/** The way back to the earlier release. */
export function Undo() {
  const { status, line } = useBox();
  const [asks, setAsks] = useState(false);
  const { previous } = status;
  return (
    <section id="undo" class="card" aria-labelledby="undo-title">
      <h2 id="undo-title">{t.undo.title}</h2>
      {previous !== null && <p>{t.undo.can(versionText(previous))}</p>}
      <Action run={() => setAsks(true)} why={whyNot(status, line) ?? (previous === null ? t.undo.none : null)}>
        {t.undo.button}
      </Action>
      {asks && previous !== null && <UndoDialog to={previous} close={() => setAsks(false)} />}
    </section>
  );
}

/** What an undo would restore, keep aside and leave, as the box is now. */
function UndoDialog({ to, close }: { to: number; close: () => void }) {
  const { answer: plan, fault } = useAnswer(() => read('undo_plan'), to);
  const go = async () => {
    await act('rollback');
    close();
  };
  return (
    <Dialog title={t.undo.ask(versionText(plan?.to ?? to))} close={close}>
      <p>{t.undo.text}</p>
      <p>{t.undo.held}</p>
      {!plan && !fault && <p>{t.loading}</p>}
      {fault && <FaultNote fault={fault} />}
      {plan && (
        <>
          {plan.whole && <p>{t.undo.whole}</p>}
          <Paths of={plan.restore} text={t.undo.restore} />
          <Paths of={plan.keep_aside} text={t.undo.keepAside} />
          <Paths of={plan.leave} text={t.undo.leave} />
          {plan.need_bytes > 0 && <p class="muted">{t.undo.space(bytesText(plan.need_bytes))}</p>}
        </>
      )}
      <div class="actions">
        <Action run={close}>{t.never}</Action>
        <Action kind="danger" run={go} why={plan ? null : t.loading}>
          {t.undo.go}
        </Action>
      </div>
    </Dialog>
  );
}
