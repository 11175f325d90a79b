import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import type { PageEvents } from '../../protocol/page.ts';
import type { Fault, HistoryEntry, LogLine, Status } from '../../protocol/views.ts';
import { faultFrom, read, sessionOver } from './api.ts';
import { follow } from './events.ts';

/** What the page knows of the box. */
export interface BoxView {
  readonly status: Status;
  /** When it came, by performance.now. */
  readonly heardMs: number;
  /** `away`: the page's server answers, the daemon does not; `lost`: nobody answers. What is shown may have passed. */
  readonly line: 'open' | 'away' | 'lost';
  /** Since when it is not open, by performance.now; of no meaning while it is. */
  readonly lostMs: number;
  /** Past updates, newest first; empty until they have come. */
  readonly history: readonly HistoryEntry[];
}

export const BoxContext = createContext<BoxView | null>(null);
/** The log as it grows, oldest first; apart, as it changes often. */
export const LogContext = createContext<readonly LogLine[]>([]);

/** The box, for all that is shown once it has answered. */
export const useBox = (): BoxView => useContext(BoxContext)!;
export const useLog = (): readonly LogLine[] => useContext(LogContext);

const mostLines = 1000;
const nobody: Omit<BoxView, 'status'> & { status: Status | null } = {
  status: null,
  heardMs: 0,
  line: 'lost',
  lostMs: 0,
  history: [],
};

/** Follows the box while the page is open: its status, its log, and its history whenever an update ended. */
export function useLive(): { box: typeof nobody; log: readonly LogLine[] } {
  const [box, setBox] = useState(nobody);
  const [log, setLog] = useState<readonly LogLine[]>([]);
  const set = (changes: Partial<BoxView>): void => setBox((before) => ({ ...before, ...changes }));
  const lose = (line: 'away' | 'lost'): void =>
    setBox((before) => ({ ...before, line, lostMs: before.line === 'open' ? performance.now() : before.lostMs }));

  useEffect(() => {
    let begins = true;
    // A new line begins with the last lines of the log again.
    const add = (line: LogLine): void => {
      const before = begins;
      begins = false;
      setLog((lines) => [...(before ? [] : lines), line].slice(-mostLines));
    };
    const take: { readonly [K in keyof PageEvents]: (data: PageEvents[K]) => void } = {
      status: (status) => set({ status, heardMs: performance.now(), line: 'open' }),
      log: add,
      daemon: ({ answers }) => {
        begins = true;
        if (!answers) lose('away');
      },
      session: () => dispatchEvent(new Event(sessionOver)),
    };
    return follow('/api/events', {
      event: (name, data) => take[name as keyof PageEvents]?.(data as never),
      lost: () => {
        begins = true;
        lose('lost');
      },
      refused: () => dispatchEvent(new Event(sessionOver)),
    });
  }, []);

  const last = box.status?.last_update;
  const ended = last && `${last.id} ${last.outcome} ${last.ended_at}`;
  useEffect(() => {
    // When it fails the line is broken, too; it is asked again with the next one.
    if (box.line === 'open')
      read('history', { limit: '50' }).then(
        (history) => set({ history }),
        () => {},
      );
  }, [ended, box.line]);
  return { box, log };
}

interface Answer<T> {
  readonly answer: T | null;
  readonly fault: Fault | null;
}

/** An answer that is asked for when it is first shown, and again when `when` changes; the last one stays meanwhile. */
export function useAnswer<T>(ask: () => Promise<T>, when: unknown): Answer<T> {
  const [state, setState] = useState<Answer<T>>({ answer: null, fault: null });
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
