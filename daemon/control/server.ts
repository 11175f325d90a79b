import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { faultOf, httpStatusOf } from '../../protocol/control.ts';
import { asUpdateError, UpdateError } from '../../protocol/errors.ts';
import { maxRequestBytes, operations } from '../../protocol/operations.ts';
import * as s from '../../protocol/schema.ts';
import type { Daemon } from '../daemon.ts';
import { type Answered, handlers, operationAt } from './handlers.ts';
import { streamEvents, streamLog } from './streams.ts';

export interface ControlSocket {
  readonly path: string;
  /** True: the page's socket, with the page's operations. */
  readonly page: boolean;
  /** A socket that systemd has opened, with owner and mode as its unit says. */
  readonly fd?: number | undefined;
}

/** For the whole body of a request. */
const bodyMs = 20_000;
/** For whole headers, from the begin of the connection or the end of the answer before. */
const headersMs = 10_000;
/** Without a byte of an upload. */
const silenceMs = 60_000;
/** For what is still on its way of an upload that was refused. */
const discardMs = 2_000;

const modes = { control: 0o600, page: 0o660 };

/** @throws UpdateError BUSY when another daemon answers there */
export async function refuseSecond(path: string): Promise<void> {
  if (await someoneAnswers(path)) throw new UpdateError('BUSY', `Another updater is running: it answers at ${path}.`);
}

/** Serves the operations on one unix socket, in the place of a dead one. */
export async function serveControl(daemon: Daemon, { path, page, fd }: ControlSocket): Promise<Server> {
  const busy = new WeakSet<Socket>();
  const waiting = new WeakMap<Socket, NodeJS.Timeout>();
  const awaitRequest = (socket: Socket) => waiting.set(socket, setTimeout(() => socket.destroy(), headersMs).unref());
  // Bodies have times of their own: one of an upload takes as long as it takes. That of headers is measured here, as
  // Node would look at all connections twice a minute, also when there are none.
  const notByNode = { requestTimeout: 0, headersTimeout: 0, connectionsCheckingInterval: 86_400_000 };
  const server = createServer(notByNode, (request, response) => {
    const { socket } = request;
    clearTimeout(waiting.get(socket));
    // Our own clients wait for the answer; many requests at once, unanswered, would fill the memory.
    if (busy.has(socket)) return void socket.destroy();
    busy.add(socket);
    response.once('close', () => {
      busy.delete(socket);
      if (!socket.destroyed) awaitRequest(socket);
    });
    answer(daemon, page, request, response).catch((thrown) => refuse(daemon, response, asUpdateError(thrown)));
  });
  server.on('connection', (socket: Socket) => {
    awaitRequest(socket);
    socket.once('close', () => clearTimeout(waiting.get(socket)));
  });
  if (fd !== undefined) {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen({ fd }, resolve));
    return server;
  }
  await refuseSecond(path);
  rmSync(path, { force: true });
  await listen(server, path, page ? modes.page : modes.control);
  return server;
}

async function answer(
  daemon: Daemon,
  page: boolean,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  // A path as it stands: "//x" is none of another host.
  const url = new URL(`http://box/${(request.url ?? '').replace(/^\//, '')}`);
  const method = request.method ?? 'GET';
  const name = operationAt(method, url.pathname, page);
  if (!name) {
    const elsewhere = operationAt(method, url.pathname, false);
    if (elsewhere) throw new UpdateError('NOT_PERMITTED', `Only root may do "${elsewhere}".`);
    throw new UpdateError('NOT_FOUND', `There is no operation at ${method} ${url.pathname}.`);
  }
  const raw = method === 'POST' ? await readBody(request) : Object.fromEntries(url.searchParams);
  // A body that nobody reads, and that may never come, does not keep the connection.
  if (method === 'GET') response.setHeader('connection', 'close');
  const parsed = s.judge(operations[name].input, raw);
  if (!parsed.success) {
    const [{ path, message }] = parsed.complaints;
    throw new UpdateError('USAGE', `The input of "${name}" is wrong at "${path.join('.') || 'its top'}": ${message}.`);
  }
  if (name === 'events') return streamEvents(daemon, response);
  if (name === 'log' && (parsed.data as { follow: boolean }).follow) {
    return streamLog(daemon, response, (parsed.data as { lines: number }).lines);
  }
  if (name === 'upload_put') {
    request.setTimeout(silenceMs, () => request.destroy());
    const { offset } = parsed.data as { offset: number };
    const view = await daemon.uploads.put(offset, request).catch(async (error) => {
      await discard(request);
      throw error;
    });
    return send(response, view);
  }
  const handler: (input: never, daemon: Daemon) => Promise<unknown> = handlers[name as Answered];
  send(response, await handler(parsed.data as never, daemon));
}

/** Who still sends when the connection is closed does not hear why: what is on its way is taken, for a moment. */
async function discard(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return;
  await new Promise<void>((resolve) => {
    setTimeout(resolve, discardMs).unref();
    request.once('close', resolve).once('end', resolve).resume();
  });
}

function send(response: ServerResponse, result: unknown): void {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(result));
}

function refuse(daemon: Daemon, response: ServerResponse, error: UpdateError): void {
  if (error.code === 'INTERNAL') daemon.tools.log.error('an operation failed', error.cause ?? error);
  if (response.headersSent) return void response.destroy();
  // Who has said all need not be hung up on, which may come before he has read why.
  const connection = response.req.complete ? 'keep-alive' : 'close';
  response.writeHead(httpStatusOf(error.code), { 'content-type': 'application/json', connection });
  response.end(JSON.stringify(faultOf(error)));
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  const timer = setTimeout(() => request.destroy(), bodyMs);
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxRequestBytes) throw new UpdateError('USAGE', `A request has at most ${maxRequestBytes} bytes.`);
      chunks.push(chunk);
    }
  } catch (cause) {
    throw request.errored ? new UpdateError('USAGE', 'The request was cut off.', { cause }) : cause;
  } finally {
    clearTimeout(timer);
  }
  if (size === 0) return {};
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch (cause) {
    throw new UpdateError('USAGE', 'The request is not JSON.', { cause });
  }
}

/** Bound under a mask, so that not for a moment more people can connect than may. */
async function listen(server: Server, path: string, mode: number): Promise<void> {
  const mask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        const long = error.code === 'EINVAL' && path.length > 107;
        reject(
          long ? new UpdateError('USAGE', `The path of a socket has at most 107 characters, ${path} has more.`) : error,
        );
      });
      server.listen(path, resolve);
      process.umask(mask);
    });
  } finally {
    process.umask(mask);
  }
  chmodSync(path, mode);
}

function someoneAnswers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const done = (answers: boolean) => {
      socket.destroy();
      resolve(answers);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false)); // no socket, or a dead one
  });
}
