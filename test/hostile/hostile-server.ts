import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

/** What was asked for, as it came. */
export interface Asked {
  readonly path: string;
  readonly head: string;
}
/** Bytes of a whole answer, after which the connection is closed; or what is done with the connection. */
export type Reply = Buffer | ((socket: Socket, asked: Asked) => void);
/** By path; anything else is 404. */
export type Replies = Readonly<Record<string, Reply>>;

export type HostileServer = Awaited<ReturnType<typeof openHostileServer>>;

/** A server on loopback that says what no HTTP library would: what it answers is given in bytes, and may be changed. */
export async function openHostileServer() {
  const open = new Set<Socket>();
  const asked: string[] = [];
  let replies: Replies = {};
  const server = createServer((socket) => {
    open.add(socket.on('error', () => {}).on('close', () => open.delete(socket)));
    let head = '';
    socket.on('data', (chunk) => {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      const path = head.split(' ')[1] ?? '';
      asked.push(path);
      const reply = replies[path] ?? answer('404 Not Found', {}, 'not here');
      if (typeof reply === 'function') reply(socket, { path, head });
      else socket.end(reply);
      head = '';
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    /** Paths in the order in which they were asked for, since the last change of what is answered. */
    asked,
    answers(next: Replies): void {
      replies = next;
      asked.length = 0;
    },
    close(): void {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}

type Headers = Readonly<Record<string, string | number>>;

export function headOf(status: string, headers: Headers): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status}\r\n${lines.join('')}connection: close\r\n\r\n`;
}

export const answer = (status: string, headers: Headers, body: string | Buffer): Buffer =>
  Buffer.concat([
    Buffer.from(headOf(status, { 'content-length': Buffer.byteLength(body), ...headers })),
    Buffer.from(body),
  ]);

export const ok = (body: string | Buffer, headers: Headers = {}): Buffer => answer('200 OK', headers, body);

export const redirect = (to: string, status = '302 Found'): Buffer => answer(status, { location: to }, '');

/** A body that never ends, as fast as it is taken. */
export const endless =
  (headers: Headers = {}): Reply =>
  (socket) => {
    const chunk = Buffer.alloc(256 * 1024, '[');
    const more = () => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.write(headOf('200 OK', headers));
    socket.on('drain', more);
    more();
  };

/** These bytes, and then one more after each pause, for ever. */
export const trickle =
  (first: string, byte = 'x', everyMs = 500): Reply =>
  (socket) => {
    socket.write(first);
    const timer = setInterval(() => socket.write(byte), everyMs);
    socket.on('close', () => clearInterval(timer));
  };

export const silence: Reply = () => {};
