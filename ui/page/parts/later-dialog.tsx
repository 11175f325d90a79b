import { useState } from 'preact/hooks';
import { act } from '../api.ts';
import { t } from '../strings.ts';
import { Dialog } from './dialog.tsx';
import { Field, Form } from './form.tsx';

/** For how long the box shall not update by itself, and why. */
export function LaterDialog({ close }: { close: () => void }) {
  const [forS, setForS] = useState<number>(t.update.spans[1][0]);
  const [reason, setReason] = useState('');
  return (
    <Dialog title={t.update.laterTitle} close={close}>
      <p>{t.update.laterText}</p>
      <Form run={() => act('postpone', { for_s: forS, reason }).then(close)} go={t.update.laterGo} cancel={close}>
        <label>
          {t.update.laterFor}
          <select value={forS} onChange={(event) => setForS(Number(event.currentTarget.value))}>
            {t.update.spans.map(([seconds, words]) => (
              <option key={seconds} value={seconds}>
                {words}
              </option>
            ))}
          </select>
        </label>
        <Field label={t.update.laterReason} value={reason} set={setReason} maxLength={200} />
      </Form>
    </Dialog>
  );
}
