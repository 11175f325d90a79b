import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { UpdateError } from '../protocol/errors.ts';
import { answering, type Tools } from './app.ts';
import type { Settings } from './settings.ts';

export interface RunningServer {
  /** With the real port, also when the settings say 0. */
  readonly url: string;
  /** The same in words, for people: whether it is the only address that answers. */
  readonly place: string;
  /** Takes no more connections, lets running downloads finish for `drainMs`, then cuts them. */
  stop(drainMs: number): Promise<void>;
}

/** A client that takes not one byte for this long is gone, or holds a connection on purpose. */
const idleMs = 120_000;

/** @throws UpdateError CONFIG_INVALID when the address or port cannot be had */
export function listen(settings: Settings, tools: Partial<Tools> = {}): Promise<RunningServer> {
  const server = createServer(answering(settings, tools));
  tools.traffic?.watch(server);
  return open(server, settings);
}

/** @throws UpdateError CONFIG_INVALID */
export async function open(server: Server, settings: Pick<Settings, 'port' | 'host'>): Promise<RunningServer> {
  server.setTimeout(idleMs);
  server.listen({ port: settings.port, host: settings.host });
  try {
    await once(server, 'listening');
  } catch (cause) {
    const where = `port ${settings.port}${settings.host === undefined ? '' : ` of ${settings.host}`}`;
    const { code } = cause as NodeJS.ErrnoException;
    const todo = todos[code ?? ''] ?? 'Mend port and host.';
    throw new UpdateError('CONFIG_INVALID', `Cannot listen on ${where}: ${code}. ${todo}`, { cause });
  }
  const address = server.address() as AddressInfo;
  const url = urlOf(address);
  const place = isEverywhere(address) ? `${url}, and on all other addresses of this machine` : url;
  return { url, place, stop: (drainMs) => stop(server, drainMs) };
}

/** What helps, by the system's error. */
const todos: Readonly<Record<string, string>> = {
  EADDRINUSE: 'Stop the program that has it, or mend port and host.',
  EACCES: 'Ports below 1024 need CAP_NET_BIND_SERVICE (docs/server.md, systemd), or take a higher one.',
};

async function stop(server: Server, drainMs: number): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  // A connection kept alive turns idle when its download ends, and would then hold up the stop.
  const sweep = setInterval(() => server.closeIdleConnections(), 100);
  const cut = setTimeout(() => server.closeAllConnections(), drainMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(cut);
}

const isEverywhere = ({ address }: AddressInfo): boolean => address === '::' || address === '0.0.0.0';

/** An address that a person can open: all addresses of the machine include the loopback. */
function urlOf(listening: AddressInfo): string {
  const { address, port } = listening;
  if (isEverywhere(listening)) return `http://127.0.0.1:${port}`;
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
}
