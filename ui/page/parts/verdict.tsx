import { useEffect, useState } from 'preact/hooks';
import type { HistoryEntry, Status } from '../../../protocol/views.ts';
import { verdictText } from '../../../protocol/words.ts';
import { t } from '../strings.ts';
import { versionText } from '../times.tsx';
import { unwanted } from '../unwanted.ts';
import { Action, FaultNote } from './action.tsx';
import { Particulars } from './history.tsx';

const watchedKey = 'watched';

/**
 * How the update that was watched here ended, and what dismisses it: it stays until then, also over a reload or a new
 * session. Null while there is none.
 */
export function useVerdict({ update, last_update: last }: Pick<Status, 'update' | 'last_update'>): Told | null {
  const [watched, setWatched] = useState(() => sessionStorage.getItem(watchedKey));
  const watch = (id: string | null): void => {
    if (id === null) sessionStorage.removeItem(watchedKey);
    else sessionStorage.setItem(watchedKey, id);
    setWatched(id);
  };
  useEffect(() => {
    // An undo goes by the name of the update that it takes back.
    if (update) watch(update.id);
  }, [update?.id]);
  return !update && last?.id === watched ? { last, dismiss: () => watch(null) } : null;
}

interface Told {
  readonly last: HistoryEntry;
  readonly dismiss: () => void;
}

export function Verdict({ last, dismiss }: Told) {
  const kind = kindOf(last);
  const why = unwanted(last.because);
  return (
    <section id="verdict" class={`card verdict ${kind}`} aria-labelledby="verdict-title">
      <h2 id="verdict-title">{kind === 'good' ? t.verdict.fine : kind === 'bad' ? t.verdict.bad : t.verdict.title}</h2>
      <p class="big" role="alert">
        {verdictText(last, versionText)}
      </p>
      {why && <FaultNote fault={why} kind="warn" />}
      <Particulars of={last} />
      <div class="actions">
        <Action run={dismiss}>{t.verdict.dismiss}</Action>
      </div>
    </section>
  );
}

/** `undone` and `cancelled` are what a person wanted: neither good nor bad. */
function kindOf({ outcome }: HistoryEntry): 'good' | 'bad' | 'plain' {
  if (outcome === 'confirmed' || outcome === 'undone') return 'good';
  return outcome === 'cancelled' || outcome === 'held back' ? 'plain' : 'bad';
}
