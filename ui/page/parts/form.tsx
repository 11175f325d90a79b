import type { ComponentChildren } from 'preact';
import { useAttempt } from '../attempt.ts';
import { t } from '../strings.ts';
import { FaultNote } from './action.tsx';

/** Fields and the button that sends them, by Enter as well; what goes wrong is shown below. */
export function Form({
  run,
  go,
  cancel,
  children,
}: {
  run: () => Promise<unknown>;
  go: string;
  cancel?: () => void;
  children: ComponentChildren;
}) {
  const { busy, fault, attempt } = useAttempt(run);
  const submit = (event: Event) => {
    event.preventDefault();
    return attempt();
  };
  return (
    <form onSubmit={submit}>
      {children}
      {fault && <FaultNote fault={fault} />}
      <div class="actions">
        {cancel && (
          <button type="button" class="plain" onClick={cancel}>
            {t.never}
          </button>
        )}
        <button type="submit" class="main" aria-disabled={busy}>
          {go}
        </button>
      </div>
    </form>
  );
}

interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly set: (value: string) => void;
  readonly type?: 'text' | 'password' | 'search' | 'time';
  readonly required?: boolean;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly autocomplete?: string;
  readonly inputMode?: 'numeric';
}

/** A named field of text. */
export function Field({ label, value, set, ...rest }: FieldProps) {
  return (
    <label>
      {label}
      <input value={value} onInput={(event) => set(event.currentTarget.value)} {...(rest as object)} />
    </label>
  );
}
