import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serveControl } from '../../../daemon/control/server.ts';
import type { Daemon } from '../../../daemon/daemon.ts';
import { loadConfig } from '../../../daemon/load-config.ts';
import { placesUnder } from '../../../daemon/places.ts';
import { isErrorCode } from '../../../protocol/error-codes.ts';
import { UpdateError } from '../../../protocol/errors.ts';
import { operations } from '../../../protocol/operations.ts';
import { anyJson, jsonWords } from '../json.ts';
import { mutate } from '../mutate.ts';
import type { Random } from '../random.ts';
import { Broken, type Target } from '../target.ts';

const rows = Object.values(operations);
const names = ['install', 'retry', 'version', 'path', 'name', 'pem', 'key', 'value', 'url', 'limit', 'lines', 'follow', 'for_s', 'reason', '__proto__', 'other']; // biome-ignore format: one line
const values = ['../../etc/passwd', '/etc/passwd', 'a', '.', '..', 'server_url', 'services', 'http://127.0.0.1:1/', '1', '0', '-1', '1e3', 'NaN', 'true', true, 1550190683, 3]; // biome-ignore format: one line
const httpWords = ['\r\n', '\r\n\r\n', '\0', ' ', 'HTTP/1.1', 'HTTP/0.9', 'transfer-encoding: chunked\r\n', 'content-length: 999999\r\n', 'content-length: 0\r\n', 'expect: 100-continue\r\n', 'upgrade: x\r\nconnection: upgrade\r\n', '//', 'http://[', '%00', '%', '?', '#', '*', 'CONNECT', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n']; // biome-ignore format: one line

/** After this nothing more is said to the server. */
const patienceMs = 200;

/** Requests that are almost right: to real addresses, with real names, then with broken bytes. */
function make(random: Random): Buffer {
  const row = random.pick(rows);
  const method = random.oneIn(10) ? random.pick(['GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE']) : row.method;
  const input: Record<string, unknown> = {};
  for (const key of Object.keys(row.input.entries)) if (!random.oneIn(4)) input[key] = random.pick(values); // biome-ignore format: one line
  for (let n = random.below(3); n > 0; n--) input[random.pick(names)] = random.oneIn(2) ? random.pick(values) : anyJson(random); // biome-ignore format: one line
  const query = method === 'GET' && random.oneIn(2) ? `?${new URLSearchParams(Object.entries(input).map(([key, value]): [string, string] => [key, String(value)]))}` : ''; // biome-ignore format: one line
  const path = random.oneIn(10) ? random.pick(['/', '//', '/..', '*', 'http://[', '/status/', '/%73tatus', '/events?x']) : row.path; // biome-ignore format: one line
  const json = Buffer.from(JSON.stringify(input));
  const body = method === 'GET' ? Buffer.alloc(0) : random.oneIn(2) ? json : mutate(json, random, jsonWords);
  const length = body.length > 0 ? `content-length: ${body.length}\r\n` : '';
  const head = Buffer.from(`${method} ${path}${query} HTTP/1.1\r\nhost: box\r\nconnection: close\r\n${length}\r\n`);
  return Buffer.concat([random.oneIn(4) ? mutate(head, random, httpWords) : head, body]);
}

/** Stands for whatever the daemon would do: any property, any call. */
function anything(): unknown {
  const target = () => {};
  return new Proxy(target, {
    get: (_, key) => {
      if (key === 'then' || key === 'toJSON') return undefined;
      if (key === Symbol.toPrimitive) return () => 0;
      if (key === Symbol.iterator) return [][Symbol.iterator];
      return anything();
    },
    apply: () => anything(),
    ownKeys: () => ['prototype'],
    getOwnPropertyDescriptor: (object, key) => Object.getOwnPropertyDescriptor(object, key),
  });
}

/** Real configuration, keys and log place; everything that would act is played. */
function playedDaemon(root: string, faults: unknown[]): Daemon {
  const places = placesUnder(root);
  const log = { info() {}, warn() {}, error: (_: string, error: unknown) => faults.push(error), tail: async () => [], follow: () => () => {} }; // biome-ignore format: one line
  const newWorker = () => ({ close() {}, do: async () => { throw new UpdateError('SERVER_UNREACHABLE', 'no network here'); } }); // biome-ignore format: one line
  const tools = new Proxy(
    { places, log, newWorker, config: () => loadConfig(places) } as Record<string | symbol, unknown>,
    {
      get: (object, key) => (key in object ? object[key] : anything()),
    },
  );
  const daemon: Record<string | symbol, unknown> = { tools, onChange: () => () => {} };
  return new Proxy(daemon, { get: (object, key) => (key in object ? object[key] : anything()) }) as unknown as Daemon;
}

/** The whole answer; a stream is read until it has begun. */
async function ask(path: string, request: Buffer): Promise<string> {
  const socket = connect(path);
  let text = '';
  socket.on('error', () => {}); // it may hang up while we still speak
  const closed = once(socket, 'close');
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    if (/^HTTP\/1\.1 200 .*text\/event-stream/s.test(text)) socket.destroy();
  });
  socket.write(request);
  // The server would wait for the rest of a request that is cut off for as long as its time-outs say.
  const timer = setTimeout(() => socket.end(), patienceMs);
  await closed;
  clearTimeout(timer);
  return text;
}

export const control: Target = {
  name: 'control socket',
  cases: 100_000,
  sideBySide: 32,
  async open() {
    const root = await mkdtemp(join(tmpdir(), 'opq-fuzz-'));
    const faults: unknown[] = [];
    const daemon = playedDaemon(root, faults);
    const path = daemon.tools.places.controlSocket;
    await mkdir(join(path, '..'), { recursive: true });
    const server = await serveControl(daemon, { path, page: false });
    return {
      make,
      async judge(input) {
        const text = await ask(path, input);
        // What came next to one request came by another one; a run says that there is something to look for.
        if (faults.length > 0) throw faults.shift();
        if (text === '') return 'hung up';
        const [, status = '', body = ''] = /^HTTP\/1\.1 (\d{3}) .*?\r\n\r\n(.*)$/s.exec(text) ?? [];
        if (status === '500') throw new Broken(`The server failed: ${body.slice(0, 200)}`);
        if (status === '') throw new Broken(`No answer of HTTP: ${text.slice(0, 100)}`);
        const fault = /^(?:[0-9a-f]+\r\n)?\{"code":"(\w+)"/.exec(body)?.[1];
        if (fault !== undefined && !isErrorCode(fault)) throw new Broken(`The code ${fault} is not one of ours.`);
        return status === '200' ? 'accepted' : (fault ?? status);
      },
      async close() {
        server.closeAllConnections();
        server.close();
        const found = (await readdir(root, { recursive: true })).filter((name) => /passwd|\.\./.test(name));
        await rm(root, { recursive: true, force: true });
        if (found.length > 0) throw new Broken(`It has written ${found}.`);
      },
    };
  },
};
