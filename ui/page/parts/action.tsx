import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import type { Fault } from '../../../protocol/views.ts';
import { useAttempt } from '../attempt.ts';
import { t } from '../strings.ts';

interface ActionProps {
  /** What goes wrong is shown below, in the daemon's words. */
  readonly run: () => unknown;
  /** Why it can't be used now; it then stays in reach of keyboard and reader, to tell. */
  readonly why?: string | null | undefined;
  readonly kind?: 'main' | 'plain' | 'danger' | 'link';
  readonly children: ComponentChildren;
}

/** A button that says why it can't be used, that it is at work, and what went wrong. */
export function Action({ run, why, kind = 'plain', children }: ActionProps) {
  const id = useId();
  const { busy, fault, attempt } = useAttempt(run);
  const blocked = Boolean(why) || busy;
  return (
    <div class="action">
      <button
        type="button"
        class={kind}
        aria-disabled={blocked}
        aria-describedby={why ? id : undefined}
        onClick={() => !blocked && attempt()}
      >
        {children}
        {busy && <span class="dots" role="img" aria-label={t.atWork} />}
      </button>
      {why && (
        <small id={id} class="why-not">
          {why}
        </small>
      )}
      {fault && <FaultNote fault={fault} />}
    </div>
  );
}

/** What went wrong and what to do. */
export function FaultNote({ fault, kind = 'bad' }: { fault: Fault; kind?: 'bad' | 'warn' }) {
  return (
    <div class={`note ${kind}`} role="alert">
      <p>{fault.message}</p>
      <p>
        {t.todo} {fault.todo}. <code>{fault.code}</code>
      </p>
    </div>
  );
}
