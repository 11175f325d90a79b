import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export type Act = (request: IncomingMessage, response: ServerResponse, n: number) => void;

export interface FlakyServer {
  /** Without a slash at its end. */
  readonly url: string;
  /** Every request so far, as `GET /path`, and its headers. */
  readonly asked: string[];
  readonly headers: IncomingMessage['headers'][];
}

/**
 * A server on loopback that does to every request what the test says; gone with the test, whatever it has open.
 * @param act told the number of the request, from 0
 */
export async function flakyServer(act: Act, tls?: { key: string; cert: string }): Promise<FlakyServer> {
  const asked: string[] = [];
  const headers: IncomingMessage['headers'][] = [];
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    response.on('error', () => {}); // whom it answers may hang up in the middle
    asked.push(`${request.method} ${request.url}`);
    headers.push(request.headers);
    act(request, response, asked.length - 1);
  };
  const server = tls ? createSecureServer(tls, answer) : createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`, asked, headers };
}

/** The same below HTTP: what the server does is said in bytes. */
export async function rawServer(act: (socket: Socket) => void): Promise<{ url: string; port: number }> {
  const open = new Set<Socket>();
  const server = createTcpServer((socket) => {
    open.add(socket.on('error', () => {}).on('close', () => open.delete(socket)));
    act(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port };
}

/** Answers every request with one body. */
export const saying =
  (body: string | Buffer, status = 200, headers: Record<string, string> = {}): Act =>
  (_, response) =>
    void response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers }).end(body);

/** A row a path; anything else is 404. */
export const pages =
  (rows: Readonly<Record<string, string | Buffer | Act>>): Act =>
  (request, response, n) => {
    const row = rows[request.url ?? ''];
    if (typeof row === 'function') return row(request, response, n);
    (row === undefined ? saying('Not found', 404) : saying(row))(request, response, n);
  };

export interface Whims {
  readonly etag?: string;
  /** Bytes after which the answer to each request is cut off, in order; what is left out is whole. */
  readonly cuts?: readonly number[];
  /** Told the bytes of the body that go out. */
  readonly onSent?: (bytes: number) => void;
}

/** A file as a good server gives it, with Range and If-Range, but for its whims. */
export function fileWith(bytes: Buffer, { etag = '"one"', cuts = [], onSent = () => {} }: Whims = {}): Act {
  let n = 0;
  return (request, response) => {
    const cut = cuts[n++];
    const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
    const ifRange = request.headers['if-range'];
    const from = asked && (ifRange === undefined || ifRange === etag) ? Number(asked[1]) : 0;
    if (from >= bytes.length) {
      response.writeHead(416, { 'content-range': `bytes */${bytes.length}`, etag }).end();
      return;
    }
    const range = from > 0 ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {};
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': bytes.length - from, etag, ...range });
    const body = bytes.subarray(from, cut === undefined ? bytes.length : Math.min(from + cut, bytes.length));
    onSent(body.length);
    if (cut === undefined) response.end(body);
    else response.write(body, () => response.destroy());
  };
}
