import { durationText } from '../../../protocol/words.ts';
import { act } from '../api.ts';
import { useBox } from '../box.ts';
import { t } from '../strings.ts';
import { versionText } from '../times.tsx';
import { Action } from './action.tsx';
import { Dialog } from './dialog.tsx';

/** Says what an installation does and what it goes past, and begins it. */
export function InstallDialog({ version, close, upload }: { version: number; close: () => void; upload?: boolean }) {
  const { status } = useBox();
  const held = status.gates.filter(({ open, soft }) => !open && soft);
  // The quarantine is by package, so of one that was uploaded only the daemon can tell.
  const failedBefore = status.gates.some(({ name, open }) => name === 'quarantine' && !open);
  const go = async () => {
    await act(upload ? 'upload_install' : 'install', { version, retry: failedBefore });
    close();
  };
  return (
    <Dialog title={t.update.confirmTitle(versionText(version))} close={close}>
      <p>{upload ? t.update.confirmUpload : t.update.confirmText}</p>
      <p>{t.update.confirmSafe}</p>
      {status.expected && (
        <p>
          {t.update.takes}{' '}
          {t.update.takesUsually(
            durationText(status.expected.total_s),
            status.expected.outage_s === null ? null : durationText(status.expected.outage_s),
          )}
          .
        </p>
      )}
      {failedBefore && <p class="note warn">{t.update.failedBefore}</p>}
      {held.length > 0 && (
        <div class="note warn">
          <p>{t.update.overrides}</p>
          <ul>
            {held.map(({ name, fault, value }) => (
              <li key={name}>{fault?.message ?? `${name}: ${value}`}</li>
            ))}
          </ul>
        </div>
      )}
      <div class="actions">
        <Action run={close}>{t.never}</Action>
        <Action kind="main" run={go}>
          {t.update.go}
        </Action>
      </div>
    </Dialog>
  );
}
