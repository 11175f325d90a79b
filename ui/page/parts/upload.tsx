import { useRef, useState } from 'preact/hooks';
import type { UploadView } from '../../../protocol/box-views.ts';
import { versionOfPackageName } from '../../../protocol/version.ts';
import { bytesText } from '../../../protocol/words.ts';
import { act } from '../api.ts';
import { useBox } from '../box.ts';
import { send } from '../sending.ts';
import { t } from '../strings.ts';
import { timeText, Version } from '../times.tsx';
import { Action, FaultNote } from './action.tsx';
import { InstallDialog } from './install-dialog.tsx';
import { Section } from './section.tsx';
import { whyNot } from './update-card.tsx';

/** A package and its signature from this device, for a box without network. Nothing of it is installed by itself. */
export function Upload() {
  const { upload, server_url } = useBox().status;
  const sum = upload ? t.upload.states[upload.state] : t.upload.sum;
  return (
    <Section name="upload" title={t.upload.title} sum={sum} open={upload !== null || server_url === null}>
      <p>{t.upload.text}</p>
      {upload && <Brought upload={upload} />}
      {(!upload || upload.state === 'receiving' || upload.state === 'refused') && <Choose upload={upload} />}
    </Section>
  );
}

/** The two files, in one go or one after the other, and their way to the box. */
function Choose({ upload }: { upload: UploadView | null }) {
  const { status, line } = useBox();
  const [files, setFiles] = useState<{ pack?: File; signature?: File }>({});
  const [sending, setSending] = useState<AbortController | null>(null);
  const input = useRef<HTMLInputElement>(null);
  const { pack, signature } = files;
  const [choices, setChoices] = useState(0);
  const wrong = wrongWith(pack?.name, signature?.name);
  const take = (chosen: FileList | null): void => {
    for (const file of chosen ?? []) {
      const name = file.name.endsWith('.sig') ? 'signature' : 'pack';
      setFiles((before) => ({ ...before, [name]: file }));
    }
    setChoices(choices + 1);
    // The same file may be chosen again, after it was mended.
    if (input.current) input.current.value = '';
  };
  const go = async () => {
    if (!pack || !signature) return;
    const stop = new AbortController();
    setSending(stop);
    try {
      await send(pack, await signature.text(), stop.signal);
      // After a pause it goes on with the same files.
      if (!stop.signal.aborted) setFiles({});
    } finally {
      setSending(null);
    }
  };
  const missing = wrong ? t.upload.whyWrong : !pack ? t.upload.needPackage : !signature ? t.upload.needSignature : null;
  const goesOn = upload?.state === 'receiving' && upload.name === pack?.name;
  return (
    <>
      <label class="pick">
        {t.upload.choose}
        <input
          ref={input}
          type="file"
          multiple
          disabled={sending !== null}
          onChange={(event) => take(event.currentTarget.files)}
        />
      </label>
      <ul class="paths">
        {pack && (
          <li>
            {pack.name} ({bytesText(pack.size)})
          </li>
        )}
        {signature && <li>{signature.name}</li>}
      </ul>
      {wrong && (
        <p class="note bad" role="alert">
          {wrong}
        </p>
      )}
      <div class="actions">
        {/* What was said of other files goes with them. */}
        <Action
          key={choices}
          kind="main"
          run={go}
          why={line === 'open' ? (whyNot(status, line) ?? missing) : t.update.whyLost}
        >
          {goesOn ? t.upload.goOn : t.upload.send}
        </Action>
        {sending && <Action run={() => sending.abort()}>{t.upload.pause}</Action>}
      </div>
    </>
  );
}

/** What can be said against the chosen files by their names alone; a `.sig` of any other name may be the right one. */
function wrongWith(pack = '', signature = ''): string | null {
  const version = versionOfPackageName(pack);
  const signed = versionOfPackageName(signature.replace(/\.sig$/, ''));
  if (pack !== '' && version === undefined) return t.upload.noPackage(pack);
  return version && signed && version !== signed ? t.upload.otherSignature : null;
}

/** What has become of the package that is there. */
function Brought({ upload }: { upload: UploadView }) {
  const { status, line } = useBox();
  const [asks, setAsks] = useState(false);
  const { name, version, size_bytes, received_bytes, state, fault, release } = upload;
  const failedAt = release?.failed_before;
  return (
    <div class="brought" role="status">
      <p>
        <b>{failedAt ? t.upload.failedBefore(timeText(failedAt)) : t.upload.states[state]}</b>{' '}
        <span class="print">{name}</span>
      </p>
      {state === 'receiving' && (
        <div class="bar">
          <progress aria-label={t.upload.title} max={size_bytes} value={received_bytes} />
          <span>
            {bytesText(received_bytes)} / {bytesText(size_bytes)}
          </span>
        </div>
      )}
      {state === 'judging' && <progress aria-label={t.upload.states.judging} />}
      {fault && <FaultNote fault={fault} />}
      {release && (
        <dl class="rows">
          <dt>{t.upload.version}</dt>
          <dd>
            <Version of={version} />
          </dd>
          <dt>{t.update.signer}</dt>
          <dd class="print">{release.signed_by}</dd>
          <dt>{t.update.size}</dt>
          <dd>{t.upload.sizes(bytesText(size_bytes), bytesText(release.unpacked_bytes))}</dd>
          {release.notes && (
            <>
              <dt>{t.update.notes}</dt>
              <dd class="notes">{release.notes}</dd>
            </>
          )}
        </dl>
      )}
      <div class="actions">
        {state === 'ready' && (
          <Action kind="main" run={() => setAsks(true)} why={whyNot(status, line)}>
            {failedAt ? t.upload.again : t.update.install}
          </Action>
        )}
        <Action run={() => act('upload_discard')} why={whyNot(status, line)}>
          {t.upload.discard}
        </Action>
      </div>
      {asks && <InstallDialog version={version} upload={upload} close={() => setAsks(false)} />}
    </div>
  );
}
