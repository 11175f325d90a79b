import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { PageEvents } from '../../protocol/page.ts';

/**
 * One line to the daemon for all who watch: what it says goes to each of them as it came. The first who comes opens
 * the line, the last who goes closes it.
 */
export interface Relay {
  /** @param session ends the stream when it is over @returns false when there are too many already */
  join(response: ServerResponse, session: string): boolean;
  /** Tells the streams of a session that it is over. */
  end(session: string): void;
  readonly count: number;
}

const mostStreams = { all: 80, session: 20 };
const logLines = 200;
/** A sign of life for each, and a look at whether it should go on. */
const tickMs = 15_000;
const againMs = 1_000;
/** An event is a status or a line; this is neither. */
const maxFrameChars = 8 * 2 ** 20;

interface Client {
  readonly response: ServerResponse;
  readonly session: string;
  /** Did not take what it was sent: gets the latest truth when it does. */
  behind: boolean;
}

export function openRelay(socketPath: string, lives: (session: string) => boolean): Relay {
  const clients = new Set<Client>();
  let status: string | undefined;
  let log: string[] = [];
  /** Undefined until the first line was tried. */
  let answers: boolean | undefined;
  /** Ends the line there is now; one that ended later than its time is nobody's any more. */
  let hangUp: (() => void) | undefined;
  let again: NodeJS.Timeout | undefined;
  let ticking: NodeJS.Timeout | undefined;

  function send(client: Client, frame: Buffer | string): void {
    if (client.response.writableNeedDrain) client.behind = true;
    else client.response.write(frame);
  }
  const toAll = (frame: string) => {
    // The same bytes for all: as text they would be copied for each.
    const bytes = Buffer.from(frame);
    for (const client of clients) send(client, bytes);
  };

  function take(frame: string): void {
    if (frame.startsWith('event: status\n')) status = frame;
    else if (frame.startsWith('event: log\n')) log = [...log, frame].slice(-logLines);
    else return; // a sign of life: each has its own
    toAll(frame);
  }

  function connect(): void {
    const lines: { destroy(): void }[] = [];
    const end = () => {
      for (const line of lines.splice(0)) line.destroy();
    };
    hangUp = end;
    const gone = () => {
      if (hangUp !== end) return;
      hangUp = undefined;
      end();
      if (answers !== false) toAll(frameOf('daemon', { answers: false }));
      answers = false;
      again = setTimeout(connect, againMs);
    };
    const open = (path: string, then: () => void) => {
      const line = request({ socketPath, path, agent: false, timeout: 4 * tickMs }, (response) => {
        if (response.statusCode !== 200) return gone();
        then();
        eachFrame(response, take, gone);
      });
      line
        .on('timeout', () => line.destroy())
        .on('error', gone)
        .on('close', gone)
        .end();
      lines.push(line);
    };
    status = undefined;
    log = [];
    open('/events', () => {
      answers = true;
      toAll(frameOf('daemon', { answers: true }));
      if (hangUp === end) open(`/log?follow=true&lines=${logLines}`, () => {});
    });
  }

  function tick(): void {
    for (const client of clients) {
      if (!lives(client.session)) finish(client);
      // Two ticks without taking a byte: nobody is there.
      else if (client.behind && client.response.writableNeedDrain) client.response.destroy();
      else send(client, ': alive\n\n');
    }
  }

  function finish(client: Client): void {
    // From here on it is told nothing: a word after the end would be an error.
    leave(client);
    client.response.end(frameOf('session', { ended: true }));
  }

  function leave(client: Client): void {
    if (!clients.delete(client) || clients.size > 0) return;
    clearInterval(ticking);
    clearTimeout(again);
    answers = undefined;
    const end = hangUp;
    hangUp = undefined;
    end?.();
  }

  return {
    join(response, session) {
      const own = [...clients].filter((client) => client.session === session).length;
      if (clients.size >= mostStreams.all || own >= mostStreams.session) return false;
      const client: Client = { response, session, behind: false };
      // Gone between two words.
      response.on('error', () => {});
      response.once('close', () => leave(client));
      response.on('drain', () => {
        if (client.behind && status && clients.has(client)) response.write(status);
        client.behind = false;
      });
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      if (answers !== undefined) response.write(frameOf('daemon', { answers }) + (status ?? '') + log.join(''));
      clients.add(client);
      if (clients.size === 1) {
        ticking = setInterval(tick, tickMs);
        connect();
      }
      return true;
    },
    end(session) {
      for (const client of clients) if (client.session === session) finish(client);
    },
    get count() {
      return clients.size;
    },
  };
}

const frameOf = <K extends keyof PageEvents>(name: K, data: PageEvents[K]): string =>
  `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

/** Server-sent events, each with its empty line. */
function eachFrame(response: IncomingMessage, take: (frame: string) => void, end: () => void): void {
  let pending = '';
  response.setEncoding('utf8');
  response.on('data', (text: string) => {
    const frames = (pending + text).split('\n\n');
    pending = frames.pop()!;
    if (pending.length > maxFrameChars) return response.destroy();
    for (const frame of frames) take(`${frame}\n\n`);
  });
  response.once('close', end);
}
