import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import type { Fault, HistoryEntry, LogLine, Status } from '../../protocol/views.ts';
import { faultFrom, read, sessionOver } from './api.ts';
import { follow } from './events.ts';

/** What the page knows of the box. */
export interface BoxView {
  readonly status: Status;
  /** When it came, by performance.now. */
  readonly heardMs: number;
  /** False: the line is broken, and all this may have passed. */
  readonly open: boolean;
  /** Past updates, newest first; empty until they have come. */
  readonly history: readonly HistoryEntry[];
}

export const BoxContext = createContext<BoxView | null>(null);

/** The box, for all that is shown once it has answered. */
export const useBox = (): BoxView => useContext(BoxContext)!;

/** Follows the box while the page is open: its status, and its history whenever an update ended. */
export function useLive(): Omit<BoxView, 'status'> & { status: Status | null } {
  const [seen, setSeen] = useState<{ status: Status | null; heardMs: number }>({ status: null, heardMs: 0 });
  const [open, setOpen] = useState(false);
  const [history, setHistory] = useState<readonly HistoryEntry[]>([]);
  useEffect(
    () =>
      follow('/api/events', {
        event: (name, data) => {
          if (name === 'status') setSeen({ status: data as Status, heardMs: performance.now() });
        },
        line: setOpen,
        refused: () => dispatchEvent(new Event(sessionOver)),
      }),
    [],
  );
  const last = seen.status?.last_update;
  const ended = last ? `${last.id} ${last.outcome} ${last.ended_at}` : '';
  useEffect(() => {
    // When it fails the line is broken, too; it comes with the next connection.
    if (ended && open) read('history', { limit: '50' }).then(setHistory, () => {});
  }, [ended, open]);
  return { ...seen, open, history };
}

/** An answer that is asked for when it is first shown, and again when `when` changes. */
export function useAnswer<T>(ask: () => Promise<T>, when: unknown): { answer: T | null; fault: Fault | null } {
  const [state, setState] = useState<{ answer: T | null; fault: Fault | null }>({ answer: null, fault: null });
  // biome-ignore lint/correctness/useExhaustiveDependencies: what to ask is the same as long as `when` is
  useEffect(() => {
    let gone = false;
    ask().then(
      (answer) => gone || setState({ answer, fault: null }),
      (thrown) => gone || setState((before) => ({ ...before, fault: faultFrom(thrown) })),
    );
    return () => {
      gone = true;
    };
  }, [when]);
  return state;
}

const mostLines = 1000;

/** The log as it grows, while `wanted`. */
export function useLog(wanted: boolean): readonly LogLine[] {
  const [lines, setLines] = useState<readonly LogLine[]>([]);
  useEffect(() => {
    if (!wanted) return;
    let fresh = true;
    return follow('/api/log?lines=300&follow=true', {
      event(name, data) {
        if (name !== 'log') return;
        // A new line begins with the last lines again.
        const begin = fresh;
        fresh = false;
        setLines((before) => [...(begin ? [] : before), data as LogLine].slice(-mostLines));
      },
      line: (open) => {
        if (!open) fresh = true;
      },
      refused: () => {},
    });
  }, [wanted]);
  return lines;
}
