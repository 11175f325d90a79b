import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { serveControl } from '../../../daemon/control/server.ts';
import type { Daemon } from '../../../daemon/daemon.ts';

/** The first line of an answer and what the server has logged as its own fault; nothing else of a daemon is asked. */
async function ask(request: string): Promise<{ status: string | undefined; faults: unknown[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'opq-control-'));
  const faults: unknown[] = [];
  const daemon = { tools: { log: { error: (what: string) => faults.push(what) } } } as unknown as Daemon;
  const path = join(folder, 'control.sock');
  const server = await serveControl(daemon, { path, page: false });
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const socket = connect(path);
  socket.end(request);
  const [, status] = /^HTTP\/1\.1 (\d+)/.exec(await text(socket)) ?? [];
  server.close();
  await once(server, 'close');
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
