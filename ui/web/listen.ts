import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { UpdateError } from '../../protocol/errors.ts';
import type { PageSettings } from './settings.ts';

/** Where to listen: a socket that systemd has opened, or a port of our own. */
export type Where = { readonly fd: number } | { readonly port: number; readonly host?: string | undefined };

const mostConnections = 256;
const handshakeMs = 10_000;
/** How often it is looked for those who take too long with their headers. */
const connectionsCheckingInterval = 5_000;

/**
 * Takes connections within limits that hold before anybody is signed in.
 * @throws UpdateError CONFIG_INVALID when the address or a certificate cannot be had
 */
export async function listen(answer: RequestListener, where: Where, settings: PageSettings): Promise<Server> {
  const server = await serverFor(settings);
  server.maxConnections = mostConnections;
  server.headersTimeout = 10_000;
  // Bodies have times of their own: one of an upload takes as long as it takes.
  server.requestTimeout = 0;
  server.keepAliveTimeout = 10_000;
  const busy = new WeakSet<Socket>();
  server.on('request', (request, response) => {
    const { socket } = request;
    // Browsers wait for the answer; many requests at once, unanswered, would fill the memory.
    if (busy.has(socket)) return void socket.destroy();
    busy.add(socket);
    response.once('close', () => busy.delete(socket));
    answer(request, response);
  });
  server.listen(where);
  try {
    await once(server, 'listening');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new UpdateError('CONFIG_INVALID', `Cannot listen on ${JSON.stringify(where)}: ${code}.`, { cause });
  }
  return server;
}

async function serverFor({ certificate_path, key_path }: PageSettings): Promise<Server> {
  if (certificate_path === undefined || key_path === undefined) return createServer({ connectionsCheckingInterval });
  try {
    const tls = {
      cert: await readFile(certificate_path),
      key: await readFile(key_path),
      handshakeTimeout: handshakeMs,
    };
    return createTlsServer({ ...tls, connectionsCheckingInterval });
  } catch (cause) {
    throw new UpdateError('CONFIG_INVALID', `The certificate cannot be used: ${(cause as Error).message}`, { cause });
  }
}

/** Where a person on this machine opens it. */
export function urlOf(server: Server, https: boolean): string {
  const { address, port } = server.address() as AddressInfo;
  const every = address === '::' || address === '0.0.0.0';
  const host = every ? 'localhost' : address.includes(':') ? `[${address}]` : address;
  return `${https ? 'https' : 'http'}://${host}:${port}/`;
}

/** Calls `end` once nobody was connected and nobody signed in for so long. */
export function whenIdle(server: Server, signedIn: () => number, idleMs: number, end: () => void): void {
  let quietSinceMs = performance.now();
  setInterval(
    () => {
      server.getConnections((_, connections) => {
        if (connections > 0 || signedIn() > 0) quietSinceMs = performance.now();
        else if (performance.now() - quietSinceMs >= idleMs) end();
      });
    },
    Math.min(idleMs, 15_000),
  ).unref();
}
