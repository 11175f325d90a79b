import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Context, Next } from 'koa';
import { judgeConditions, type Validators } from './conditions.ts';

/** What every box asks again and again, mostly to learn that there is nothing new. */
const hotPaths = new Set(['/version', '/version.json', '/latest']);

/**
 * Where the file system does not tell of changes, as on a network disk, an answer is true of so long ago at most.
 * A link in the address of the folder may also lead elsewhere unseen.
 */
const maxAgeMs = 1_000;
/** From then on one of those who ask has it made anew, while all others still get it: or all would make it at once. */
const renewMs = 500;

/** An answer as it was given, to be given again. */
interface Kept {
  readonly status: number;
  /** Name and value by turns, as `writeHead` takes them. */
  readonly headers: readonly string[];
  readonly headersOf304: readonly string[];
  /** A character a byte: with its headers it then leaves in one piece, for half the time of two. */
  readonly body: string;
  readonly validators: Validators | undefined;
}

interface Memory {
  readonly url: string;
  readonly madeMs: number;
  readonly watcher: FSWatcher;
  /** Undefined until it is made. */
  kept: Kept | undefined;
  /** Has the next one made. */
  renewer: IncomingMessage | undefined;
  /** Something has changed since. */
  over: boolean;
}

/** Told of each answer that was given from memory. */
export type Told = (request: IncomingMessage, status: number) => void;

/**
 * Gives short answers that were given a moment ago once more, word for word, until anything in the folder changes:
 * without the framework, and without asking the file system.
 */
export function hotAnswers(dir: string, nowMs: () => number, told: Told) {
  const memories = new Map<string, Memory>();

  const ageOf = (memory: Memory) => Math.abs(nowMs() - memory.madeMs);

  function forget(memory: Memory): void {
    memory.over = true;
    memory.watcher.close();
    if (memories.get(memory.url) === memory) memories.delete(memory.url);
  }
  function current(url: string): Memory | undefined {
    const memory = memories.get(url);
    if (memory !== undefined && ageOf(memory) >= maxAgeMs) forget(memory);
    return memories.get(url);
  }
  /** Watched before anything is read: a change that comes between is not missed. */
  function begin(url: string): Memory | undefined {
    try {
      const watcher = watch(dir, { persistent: false });
      const memory: Memory = { url, madeMs: nowMs(), watcher, kept: undefined, renewer: undefined, over: false };
      watcher.on('change', () => forget(memory)).on('error', () => forget(memory));
      return memory;
    } catch {
      return undefined; // No folder, or no watch to be had: nothing is remembered.
    }
  }

  /** Where the answer to a request is to be kept. */
  async function placeFor(request: IncomingMessage, url: string): Promise<Memory | undefined> {
    const known = () => {
      const memory = current(url);
      return memory?.renewer === request ? undefined : memory;
    };
    if (known()) return known();
    // To begin to watch is not done beside the rest of the server: not on a disk that has just not answered.
    const there = await stat(dir).catch(() => undefined);
    if (!there || known()) return known();
    const memory = begin(url);
    if (memory && !memories.has(url)) memories.set(url, memory);
    return memory;
  }

  function keep(memory: Memory, kept: Kept | undefined): void {
    if (kept) memory.kept = kept;
    const before = memories.get(memory.url);
    if (before === memory) return;
    // What was changed while it was read is nothing to be kept.
    if (memory.over || !kept) {
      forget(memory);
    } else {
      if (before) forget(before);
      memories.set(memory.url, memory);
    }
  }

  return {
    /** Answers what it remembers; false for all else, which is then untouched. */
    answer(request: IncomingMessage, response: ServerResponse): boolean {
      const memory = current(request.url ?? '');
      if (memory?.kept === undefined) return false;
      const { kept } = memory;
      const { method } = request;
      // To have them by name takes as long as all the rest.
      const headers = request.rawHeaders.some(asksForMore) ? request.headers : {};
      if ((method !== 'GET' && method !== 'HEAD') || headers.range !== undefined) return false;
      // Behind others on its connection: those who limit how many may be there have to see it.
      if (response.socket === null) return false;
      const verdict = kept.validators === undefined ? 200 : judgeConditions(headers, kept.validators);
      if (verdict === 412) return false;
      if (memory.renewer === undefined && ageOf(memory) >= renewMs && method === 'GET' && verdict === 200) {
        memory.renewer = request;
        return false;
      }
      const status = verdict === 304 ? verdict : kept.status;
      response.writeHead(status, [...(verdict === 304 ? kept.headersOf304 : kept.headers)]);
      if (method === 'HEAD' || verdict === 304) response.end();
      else response.end(kept.body, 'latin1');
      told(request, status);
      return true;
    },

    /** Koa's part, outside of all that makes an answer: remembers those that are to be given again. */
    async learn({ req, res, request, response }: Context, next: Next): Promise<void> {
      const { url = '' } = req;
      const place = request.method === 'GET' && hotPaths.has(url) ? await placeFor(req, url) : undefined;
      try {
        await next();
      } finally {
        if (place) keep(place, keptOf(res, response));
      }
    },
  };
}

/** Undefined for what is not to be given again. */
function keptOf(res: ServerResponse, { status, body }: Context['response']): Kept | undefined {
  if (status !== 200 && status !== 303) return undefined;
  if (typeof body !== 'string' && !Buffer.isBuffer(body)) return undefined;
  const headers = namesOf(res).map((name) => [name, String(res.getHeader(name))]);
  return {
    status,
    headers: headers.flat(),
    headersOf304: headers.filter(([name = '']) => !ofTheBody.test(name)).flat(),
    body: Buffer.from(body as string).toString('latin1'),
    validators: validatorsOf(String(res.getHeader('ETag') ?? ''), String(res.getHeader('Last-Modified') ?? '')),
  };
}

/** As they were set, in capitals and small letters. The types know it of requests alone. */
const namesOf = (res: ServerResponse): string[] =>
  (res as ServerResponse & Pick<ClientRequest, 'getRawHeaderNames'>).getRawHeaderNames();

/** Of a condition or a range; values that look like it do no harm. */
const asksForMore = (name: string): boolean => /^(if-|range$)/i.test(name);

const ofTheBody = /^content-(type|length)$/i;

const validatorsOf = (etag: string, modified: string): Validators | undefined =>
  etag === '' ? undefined : modified === '' ? { etag } : { etag, modifiedMs: Date.parse(modified) };
