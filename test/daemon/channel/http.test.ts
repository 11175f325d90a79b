import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { getSmall, type Network } from '../../../daemon/channel/http.ts';
import { codeOf } from '../../support/error-of.ts';
import { type Act, flakyServer, rawServer, saying } from '../../support/flaky-server.ts';

const network: Network = { caPath: null, proxyUrl: null, userAgent: 'opq-updater/test' };
const small = (url: string, maxBytes = 100) => getSmall(url, network, maxBytes);
/** For servers that never do what they should: the sooner the better. */
const soon = (url: string, silenceMs: number) => getSmall(url, { ...network, silenceMs }, 100_000);

it('asks for plain bytes, says who it is, and keeps no connection', async () => {
  const server = await flakyServer(saying('hello'));
  expect((await small(`${server.url}/a`))?.toString()).toBe('hello');
  expect(server.asked).toEqual(['GET /a']);
  expect(server.headers).toEqual([
    {
      'accept-encoding': 'identity',
      'user-agent': 'opq-updater/test',
      connection: 'close',
      host: server.url.slice('http://'.length),
    },
  ]);
});

it('takes an empty file for a file, and 404 for none', async () => {
  expect(await small((await flakyServer(saying(''))).url)).toHaveLength(0);
  expect(await small((await flakyServer(saying('', 404))).url)).toBeUndefined();
});

const statuses: [number, string][] = [
  [204, 'SERVER_ERROR'],
  [206, 'SERVER_ERROR'],
  [304, 'SERVER_ERROR'],
  [403, 'SERVER_ERROR'],
  [418, 'SERVER_ERROR'],
  [500, 'SERVER_ERROR'],
  [503, 'SERVER_ERROR'],
  [511, 'NOT_OUR_SERVER'],
];
it.each(statuses)('does not take %i for an answer (%s) and does not wait for a better one', async (status, code) => {
  const server = await flakyServer(saying('', status, { 'retry-after': '86400' }));
  expect(await codeOf(small(server.url))).toBe(code);
  expect(server.asked).toHaveLength(1);
});

it.each([300, 301, 302, 303, 307, 308])('follows no redirect %i, to whatever place', async (status) => {
  const other = await flakyServer(saying('evil'));
  for (const location of [other.url, '/elsewhere', '', 'file:///etc/passwd', 'http://localhost/', '//evil.example/']) {
    const server = await flakyServer(saying('', status, { location }));
    expect(await codeOf(small(`${server.url}/file`))).toBe('NOT_OUR_SERVER');
    expect(server.asked).toEqual(['GET /file']);
  }
  expect(other.asked).toEqual([]);
});

it.each(['gzip', 'br', 'deflate, gzip', 'x-unknown'])('refuses an answer that is encoded as %s', async (encoding) => {
  const bomb = gzipSync(Buffer.alloc(1_000_000));
  const server = await flakyServer(saying(bomb, 200, { 'content-encoding': encoding }));
  expect(await codeOf(small(server.url, 100_000))).toBe('SERVER_ERROR');
});

describe('a body', () => {
  it('without end is left at the limit', async () => {
    let hungUp: Promise<unknown> | undefined;
    const server = await flakyServer((_, response) => {
      hungUp = once(response, 'close');
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(10_000)));
      };
      response.on('drain', more);
      more();
    });
    expect(await codeOf(small(server.url))).toBe('SIZE_MISMATCH');
    await hungUp;
  });

  it('of exactly the limit is taken, one byte more is not', async () => {
    expect(await small((await flakyServer(saying('x'.repeat(100)))).url)).toHaveLength(100);
    expect(await codeOf(small((await flakyServer(saying('x'.repeat(101)))).url))).toBe('SIZE_MISMATCH');
  });

  const cuts: [string, Act][] = [
    ['shorter than announced', (_, r) => void r.writeHead(200, { 'content-length': 50 }).write('x', () => r.destroy())],
    ['cut off between two chunks', (_, r) => void r.write('x', () => r.destroy())],
  ];
  it.each(cuts)('%s is not taken for a whole one', async (_, act) => {
    expect(await codeOf(small((await flakyServer(act)).url))).toBe('SERVER_UNREACHABLE');
  });

  it('of one byte now and then is given up', async () => {
    const server = await flakyServer((_, response) => {
      const timer = setInterval(() => response.write('x'), 50);
      response.on('close', () => clearInterval(timer));
    });
    expect(await codeOf(soon(server.url, 1000))).toBe('STALLED');
  });
});

const flood = (socket: Socket, first: string, again: string, everyMs: number) => {
  socket.write(first);
  const timer = setInterval(() => socket.write(again), everyMs);
  socket.on('close', () => clearInterval(timer));
};
const mute: [string, (socket: Socket) => void][] = [
  ['says nothing', () => {}],
  ['hangs up', (socket) => void socket.end()],
  ['resets the connection', (socket) => void socket.once('data', () => socket.resetAndDestroy())],
  ['does not speak HTTP', (socket) => void socket.end('SSH-2.0-OpenSSH_9.2\r\n')],
  ['sends headers without end', (socket) => flood(socket, 'HTTP/1.1 200 OK\r\n', 'x: y\r\n'.repeat(1000), 1)],
  ['sends its headers as a trickle', (socket) => flood(socket, 'HTTP/1.1 200 OK\r\nx: ', 'y', 30)],
];
it.each(mute)('gives up on a server that %s', async (_, act) => {
  expect(await codeOf(soon((await rawServer(act)).url, 300))).toBe('SERVER_UNREACHABLE');
});

it('says that nobody is there when the port is closed', async () => {
  const gone = createServer().listen(0, '127.0.0.1');
  await once(gone, 'listening');
  const { port } = gone.address() as AddressInfo;
  gone.close();
  await once(gone, 'close');
  expect(await codeOf(small(`http://127.0.0.1:${port}/`))).toBe('SERVER_UNREACHABLE');
});

it('is not thrown by a server that closes a connection which it promised to keep', async () => {
  const server = await rawServer((socket) => {
    let n = 0;
    socket.on('data', () => {
      // The second request on one connection finds it dead.
      if (n++ > 0) socket.resetAndDestroy();
      else socket.write('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n');
    });
  });
  expect(await small(server.url)).toBeUndefined();
  expect(await small(server.url)).toBeUndefined();
});

it('shows name and password to the server that they are for, to no other, and takes none back', async () => {
  const login = (url: string) => ({ ...network, login: { origin: new URL(url).origin, basic: 'Ym94OnNlY3JldA==' } });
  const server = await flakyServer(saying('hello'));
  const stranger = await flakyServer(saying('hello'));
  for (const { url } of [server, stranger]) await getSmall(`${url}/`, login(server.url), 100);
  expect(server.headers[0]).toMatchObject({ authorization: 'Basic Ym94OnNlY3JldA==' });
  expect(stranger.headers[0]).not.toHaveProperty('authorization');
  const echo = await flakyServer((request, response) => response.end(request.headers.authorization));
  expect(await codeOf(getSmall(`${echo.url}/`, login(echo.url), 100))).toBe('NOT_OUR_SERVER');
});
