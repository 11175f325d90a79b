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

/** An answer as it was given, to be given again. */
interface Kept {
  readonly status: number;
  /** Name and value by turns, as `writeHead` takes them. */
  readonly headers: readonly string[];
  readonly headersOf304: readonly string[];
  readonly body: string | Buffer;
  readonly validators: Validators | undefined;
}

interface Memory {
  readonly madeMs: number;
  readonly watcher: FSWatcher;
  readonly answers: Map<string, Kept>;
}

/** Told of each answer that was given from memory. */
export type Told = (request: IncomingMessage, status: number) => void;

/**
 * Gives short answers that were given a moment ago once more, word for word, until anything in the folder changes:
 * without the framework, and without asking the file system.
 */
export function hotAnswers(dir: string, nowMs: () => number, told: Told) {
  let memory: Memory | undefined;

  function forget(): void {
    memory?.watcher.close();
    memory = undefined;
  }
  function current(): Memory | undefined {
    if (memory !== undefined && Math.abs(nowMs() - memory.madeMs) >= maxAgeMs) forget();
    return memory;
  }
  /** Watched before anything is read: a change that comes between is not missed. */
  function begin(): Memory | undefined {
    try {
      const watcher = watch(dir, { persistent: false }, forget).on('error', forget);
      memory = { madeMs: nowMs(), watcher, answers: new Map() };
    } catch {
      // No folder, or no watch to be had: nothing is remembered.
    }
    return memory;
  }

  /** To begin to watch is not done beside the rest of the server: not on a disk that has just not answered. */
  async function memoryOrNew(): Promise<Memory | undefined> {
    const known = current();
    if (known !== undefined) return known;
    const there = await stat(dir).catch(() => undefined);
    return there && (current() ?? begin());
  }

  return {
    /** Answers what it remembers; false for all else, which is then untouched. */
    answer(request: IncomingMessage, response: ServerResponse): boolean {
      const kept = current()?.answers.get(request.url ?? '');
      if (kept === undefined) return false;
      const { method, headers } = request;
      if ((method !== 'GET' && method !== 'HEAD') || headers.range !== undefined) return false;
      // Behind others on its connection: those who limit how many may be there have to see it.
      if (response.socket === null) return false;
      const verdict = kept.validators === undefined ? 200 : judgeConditions(headers, kept.validators);
      if (verdict === 412) return false;
      const status = verdict === 304 ? verdict : kept.status;
      response.writeHead(status, [...(verdict === 304 ? kept.headersOf304 : kept.headers)]);
      response.end(method === 'HEAD' || verdict === 304 ? undefined : kept.body);
      told(request, status);
      return true;
    },

    /** Koa's part, outside of all that makes an answer: remembers those that are to be given again. */
    async learn({ req, res, request, response }: Context, next: Next): Promise<void> {
      const { url = '' } = req;
      const place = request.method === 'GET' && hotPaths.has(url) ? await memoryOrNew() : undefined;
      await next();
      const { status, body } = response;
      // What was changed while it was read is in a memory that is forgotten by now.
      if (place === undefined || (status !== 200 && status !== 303)) return;
      if (typeof body !== 'string' && !Buffer.isBuffer(body)) return;
      const headers = namesOf(res).map((name) => [name, String(res.getHeader(name))]);
      place.answers.set(url, {
        status,
        headers: headers.flat(),
        headersOf304: headers.filter(([name = '']) => !ofTheBody.test(name)).flat(),
        body,
        validators: validatorsOf(response.get('ETag'), response.get('Last-Modified')),
      });
    },
  };
}

/** As they were set, in capitals and small letters. The types know it of requests alone. */
const namesOf = (res: ServerResponse): string[] =>
  (res as ServerResponse & Pick<ClientRequest, 'getRawHeaderNames'>).getRawHeaderNames();

const ofTheBody = /^content-(type|length)$/i;

const validatorsOf = (etag: string, modified: string): Validators | undefined =>
  etag === '' ? undefined : modified === '' ? { etag } : { etag, modifiedMs: Date.parse(modified) };
