import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeStore, settingsIn } from '../server/attended/shop.ts';
import { runProgram } from '../server/program.ts';
import { attendedAttacks } from './attended-attacks.ts';
import { report } from './hostile-box.ts';
import { boundMb, pssMb } from './memory.ts';
import { dawdlers, saysTo, statusOf } from './raw.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

let root: string;
let server: ReturnType<typeof runProgram>;
let where: { host: string; port: number };
let idleMb: number;
let peakMb = 0;
const look = setInterval(() => {
  peakMb = Math.max(peakMb, pssMb(server?.child.pid ?? 0));
}, 50);

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'opq-'));
  await makeStore(root);
  server = runProgram(
    { port: 0, updates_dir: root, host: '127.0.0.1', attended: settingsIn(root) },
    [],
    undefined,
    root,
  );
  const { hostname, port } = new URL(await server.url());
  where = { host: hostname, port: Number(port) };
  await expectWell();
  idleMb = pssMb(server.child.pid!);
});
afterAll(async () => {
  clearInterval(look);
  server.child.kill('SIGKILL');
  await server.ended;
  await rm(root, { recursive: true });
});

const good = '{"distro":"opq","version":"1","target":"rpi/3"}';

async function expectWell(): Promise<void> {
  const request = `POST /api/upgrade-check HTTP/1.1\r\nHost: server\r\nConnection: close\r\nContent-Length: ${good.length}\r\n\r\n${good}`;
  expect(await saysTo(where, request)).toMatch(/^HTTP\/1.1 200 [\s\S]*"version":"1560000000"/);
  expect(server.child.exitCode).toBeNull();
}

describe('A server that builds on demand refuses from its clients', () => {
  it.for(attendedAttacks)('$what', async ({ request, status }) => {
    const answer = await saysTo(where, request);
    expect(statusOf(answer)).toBe(status);
    expect(answer).not.toMatch(/\nSet-Cookie|PRIVATE KEY|root:x:|node_modules|\.ts:\d/);
    expect(answer).not.toContain(root);
    await expectWell();
  });

  it.for([
    [
      'bodies that never end',
      300,
      `POST /api/build-request HTTP/1.1\r\nHost: server\r\nContent-Length: 100000\r\n\r\n{`,
    ],
    ['heads that never end', 300, 'POST /api/build-request HTTP/1.1\r\nx: '],
  ] as const)('to be held up by %s', async ([, count, beginning]) => {
    const lines = await dawdlers(where, count, beginning);
    const release = await saysTo(where, 'GET /ls HTTP/1.1\r\nHost: server\r\nConnection: close\r\n\r\n');
    expect(statusOf(release)).toBe(200);
    for (const line of lines) line.destroy();
    await vi.waitFor(expectWell, { timeout: 60_000, interval: 500 });
  });
});

it('has built nothing of it, and stays within its memory', async () => {
  report({ name: 'builds on demand', idleMb, peakMb });
  expect(await readdir(join(root, 'cache/images'))).toEqual([]);
  expect(await readdir(join(root, 'cache/queue'))).toEqual([]);
  expect((await readdir(root)).sort()).toEqual(['builder', 'cache', 'key', 'store']);
  expect(peakMb).toBeLessThan(idleMb + boundMb(200));
});
