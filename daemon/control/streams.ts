import type { ServerResponse } from 'node:http';
import type { Daemon } from '../daemon.ts';
import { statusOf } from '../status.ts';

/** Streams at once, over both sockets together; more are a fault of the client. */
const mostStreams = 50;
/** Changes within this time are one event: progress comes many times a second. */
const gatherMs = 200;
/** A comment now and then tells a client that the line is alive. */
const keepAliveMs = 15_000;

const open = new WeakMap<Daemon, Set<ServerResponse>>();

/** The whole truth first, then again after each change; always snapshots, so a lost event does no harm. */
export async function streamEvents(daemon: Daemon, response: ServerResponse): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let sending = false;
  const push = async () => {
    timer = undefined;
    // A client that does not read gets the latest truth when it reads again, not all that it missed.
    if (sending || response.writableNeedDrain) return schedule();
    sending = true;
    try {
      event(response, 'status', await statusOf(daemon));
    } finally {
      sending = false;
    }
  };
  const schedule = () => {
    timer ??= setTimeout(() => void push().catch(() => response.destroy()), gatherMs);
  };
  if (!begin(daemon, response)) return;
  const stop = daemon.onChange(schedule);
  response.once('close', () => {
    stop();
    clearTimeout(timer);
  });
  await push();
}

/** The last lines, then each new one. */
export async function streamLog(daemon: Daemon, response: ServerResponse, lines: number): Promise<void> {
  if (!begin(daemon, response)) return;
  for (const line of await daemon.tools.log.tail(lines)) event(response, 'log', line);
  const stop = daemon.tools.log.follow((line) => {
    if (!response.writableNeedDrain) event(response, 'log', line);
  });
  response.once('close', stop);
}

function begin(daemon: Daemon, response: ServerResponse): boolean {
  const streams = open.get(daemon) ?? new Set();
  open.set(daemon, streams);
  if (streams.size >= mostStreams) {
    response.writeHead(503).end();
    return false;
  }
  streams.add(response);
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  const alive = setInterval(() => response.write(': alive\n\n'), keepAliveMs);
  response.once('close', () => {
    streams.delete(response);
    clearInterval(alive);
  });
  return true;
}

const event = (response: ServerResponse, name: string, data: unknown): void => {
  response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
};
