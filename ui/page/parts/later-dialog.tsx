import { useState } from 'preact/hooks';
import { act } from '../api.ts';
import { t } from '../strings.ts';
import { Action } from './action.tsx';
import { Dialog } from './dialog.tsx';

/** For how long the box shall not update by itself, and why. */
export function LaterDialog({ close }: { close: () => void }) {
  const [forS, setForS] = useState<number>(t.update.spans[1][0]);
  const [reason, setReason] = useState('');
  const go = async () => {
    await act('postpone', { for_s: forS, reason });
    close();
  };
  return (
    <Dialog title={t.update.laterTitle} close={close}>
      <p>{t.update.laterText}</p>
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
      <label>
        {t.update.laterReason}
        <input type="text" maxLength={200} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
      </label>
      <div class="actions">
        <Action run={close}>{t.never}</Action>
        <Action kind="main" run={go}>
          {t.update.laterGo}
        </Action>
      </div>
    </Dialog>
  );
}
