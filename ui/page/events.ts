/** A stream of server-sent events, read by ourselves: EventSource hides comments and statuses, and never notices silence. */

export interface Listener {
  event(name: string, data: unknown): void;
  /** The line broke, or could not be made; it is tried again. */
  lost(): void;
  /** The session is over; who shows the login ends this. */
  refused(): void;
}

/** A box that does not answer within this time will not: it reboots, or the phone has left its Wi-Fi. */
const connectMs = 8000;
/** The daemon says something every 15 s. */
const silenceMs = 35_000;
const firstPauseMs = 250;
const longestPauseMs = 4000;

/**
 * Follows a stream over broken lines until the returned function is called. Each new line begins with the whole
 * truth, so nothing is missed. A page that is looked at again, or a network that is back, tries at once.
 */
export function follow(path: string, listener: Listener): () => void {
  let ended = false;
  let pauseMs = firstPauseMs;
  let attempt = new AbortController();
  let lastHeardMs = 0;
  let wake = () => {};

  async function connect(): Promise<void> {
    attempt = new AbortController();
    let silence = setTimeout(() => attempt.abort(), connectMs);
    try {
      const headers = { accept: 'text/event-stream' };
      const response = await fetch(path, { headers, signal: attempt.signal, cache: 'no-store' });
      if (response.status === 401) return listener.refused();
      if (!response.ok || !response.body) return;
      const take = parser(listener.event);
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done || ended) return;
        pauseMs = firstPauseMs;
        lastHeardMs = performance.now();
        clearTimeout(silence);
        silence = setTimeout(() => attempt.abort(), silenceMs);
        take(value);
      }
    } catch {
      // Whatever broke the line, it is made anew.
    } finally {
      clearTimeout(silence);
    }
  }

  async function keep(): Promise<void> {
    while (!ended) {
      await connect();
      if (ended) return;
      listener.lost();
      await new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(resolve, pauseMs);
      });
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
  }

  const again = (): void => {
    if (document.visibilityState === 'hidden') return;
    if (performance.now() - lastHeardMs > silenceMs / 2) attempt.abort();
    wake();
  };
  addEventListener('online', again);
  document.addEventListener('visibilitychange', again);
  void keep();
  return () => {
    ended = true;
    attempt.abort();
    wake();
    removeEventListener('online', again);
    document.removeEventListener('visibilitychange', again);
  };
}

/** Takes text in pieces; an event that the end cuts off is dropped. */
function parser(event: Listener['event']): (piece: string) => void {
  let pending = '';
  return (piece) => {
    const blocks = (pending + piece).split('\n\n');
    pending = blocks.pop() ?? '';
    for (const block of blocks) {
      const field = (name: string) => block.split('\n').find((line) => line.startsWith(`${name}: `));
      const data = field('data')?.slice(6);
      if (data !== undefined) event(field('event')?.slice(7) ?? 'message', JSON.parse(data));
    }
  };
}
