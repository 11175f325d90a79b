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
async function ask(address: string): Promise<{ status: string | undefined; faults: unknown[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'opq-control-'));
  const faults: unknown[] = [];
  const daemon = { tools: { log: { error: (what: string) => faults.push(what) } } } as unknown as Daemon;
  const path = join(folder, 'control.sock');
  const server = await serveControl(daemon, { path, page: false });
  onTestFinished(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });
  const socket = connect(path);
  await once(socket, 'connect');
  socket.end(`GET ${address} HTTP/1.1\r\nhost: box\r\nconnection: close\r\n\r\n`);
  const [, status] = /^HTTP\/1\.1 (\d+)/.exec(await text(socket)) ?? [];
  return { status, faults };
}

it.each(['//', '//[', 'http://[', 'http://', '*', '/nowhere', '/%', '/status/', '/a//../b'])(
  'an address that there is not, such as %s, is the fault of who asks',
  async (address) => {
    expect(await ask(address)).toEqual({
      status: address === 'http://' ? expect.stringMatching(/^40[04]$/) : '404',
      faults: [],
    });
  },
);
