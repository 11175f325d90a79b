import type { UploadView } from '../../../protocol/box-views.ts';
import { durationText } from '../../../protocol/words.ts';
import { act } from '../api.ts';
import { useBox } from '../box.ts';
import { t } from '../strings.ts';
import { versionText } from '../times.tsx';
import { Action } from './action.tsx';
import { Dialog } from './dialog.tsx';

interface InstallDialogProps {
  readonly version: number;
  readonly close: () => void;
  /** The package that a person brought; without one it is what the server offers. */
  readonly upload?: UploadView;
}

/** Says what an installation does and what it goes past, and begins it. */
export function InstallDialog({ version, close, upload }: InstallDialogProps) {
  const { status } = useBox();
  const held = status.gates.filter(({ open, soft }) => !open && soft);
  // The gate is about the release that the server offers; what a person brings has its own answer.
  const offerFailed = status.gates.some(({ name, open }) => name === 'quarantine' && !open);
  const failedBefore = upload ? Boolean(upload.release?.failed_before) : offerFailed;
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
