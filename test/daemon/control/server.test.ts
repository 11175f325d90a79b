import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished, vi } from 'vitest';
import { serveControl } from '../../../daemon/control/server.ts';
import type { Daemon } from '../../../daemon/daemon.ts';

vi.setConfig({ testTimeout: 60_000 });

/** A server on a socket of its own, and what it has logged as its own fault; nothing else of a daemon is asked. */
async function serve() {
  const folder = await mkdtemp(join(tmpdir(), 'opq-control-'));
  const faults: unknown[] = [];
  const daemon = { tools: { log: { error: (what: string) => faults.push(what) } } } as unknown as Daemon;
  const path = join(folder, 'control.sock');
  const server = await serveControl(daemon, { path, page: false });
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const end = async () => {
    server.close();
    await once(server, 'close');
  };
  return { path, faults, end };
}

/** The first line of an answer, and the faults. */
async function ask(request: string): Promise<{ status: string | undefined; faults: unknown[] }> {
  const { path, faults, end } = await serve();
  const socket = connect(path);
  socket.end(request);
  const [, status] = /^HTTP\/1\.1 (\d+)/.exec(await text(socket)) ?? [];
  await end();
  return { status, faults };
}

const rest = 'HTTP/1.1\r\nhost: box\r\nconnection: close\r\n';

it.each(['//', '//[', '/nowhere', '/%', '/status/', '/a//../b', 'http://[', '*'])(
  'an address that there is not, such as %s, is the fault of who asks',
  async (address) => {
    expect(await ask(`GET ${address} ${rest}\r\n`)).toEqual({ status: '404', faults: [] });
  },
);

it('a client that leaves in the middle of its request is no fault of the daemon', async () => {
  const { faults } = await ask(`POST /check ${rest}content-length: 100\r\n\r\n{`);
  expect(faults).toEqual([]);
});

const trickled: [string, string][] = [
  ['its first request', ''],
  ['one after another', `GET /nowhere HTTP/1.1\r\nhost: box\r\n\r\n`],
];
it.concurrent.each(trickled)('hangs up on who sends the headers of %s byte by byte for ever', async (_, before) => {
  const { path, end } = await serve();
  const socket = connect(path);
  socket.resume().write(`${before}GET /status HTTP/1.1\r\nx: `);
  const more = setInterval(() => socket.write('x'), 200);
  socket.on('error', () => {}); // written to after the end
  const began = performance.now();
  await once(socket, 'close');
  clearInterval(more);
  // A request that it was given time for is not cut off at once.
  expect(performance.now() - began).toBeGreaterThan(5000);
  await end();
});
