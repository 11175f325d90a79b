import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type FakeDaemon, fakeDaemon } from '../support/fake-daemon.ts';
import { type PageServer, startPage } from '../support/page-server.ts';
import { report } from './hostile-box.ts';
import { boundMb, pssMb } from './memory.ts';
import { pageAttacks } from './page-attacks.ts';
import { codeIn, dawdlers, saysTo, statusOf } from './raw.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

let daemon: FakeDaemon;
let page: PageServer;
let cookie: string;
let idleMb: number;
let peakMb = 0;
const ends: (() => Promise<void>)[] = [];
const look = setInterval(() => {
  peakMb = Math.max(peakMb, pssMb(page?.process.pid ?? 0));
}, 50);
beforeAll(async () => {
  daemon = await fakeDaemon({ log: [] }, { page: 0o660 }, (end) => ends.push(end));
  page = await startPage(daemon.root);
  cookie = await page.signIn('canary password');
  idleMb = pssMb(page.process.pid!);
});
afterAll(async () => {
  clearInterval(look);
  await page.stop();
  for (const end of ends) await end();
});

const where = () => ({ host: page.url.hostname, port: Number(page.url.port) });

/** Same process, nothing asked of the daemon, and whoever is signed in goes on. */
async function expectWell(asked: number): Promise<void> {
  expect(daemon.asked.length).toBe(asked);
  expect((await page.says({ path: '/api/session', cookie })).body).toMatchObject({ signed_in: true });
  expect(page.process.exitCode).toBeNull();
}

describe('The page refuses', () => {
  it.for(pageAttacks)('$what', async ({ request, status, code }) => {
    const asked = daemon.asked.length;
    const answer = await saysTo(where(), request(page.url.host));
    expect([statusOf(answer), codeIn(answer)]).toEqual([status, code]);
    expect(answer).not.toMatch(/node_modules|\.ts:\d|\.js:\d|\/(etc|tmp|run|var|root)\/|access-control|set-cookie/i);
    await expectWell(asked);
  });

  const login = 'POST /api/login HTTP/1.1\r\nHost: HOST\r\nOrigin: http://HOST\r\ncontent-type: application/json\r\n';
  it.for([
    ['requests that never end', 150, 'GET / HTTP/1.1\r\nHost: HOST\r\nx: '],
    ['connections that say nothing', 150, ''],
    ['more connections than it takes', 1000, 'GET / HTTP/1.1\r\nHost: HOST\r\nx: '],
    ['logins that never end', 150, `${login}content-length: 4000\r\n\r\n{`],
    ['a thousand requests in one connection', 20, 'GET /api/session HTTP/1.1\r\nHost: HOST\r\n\r\n'.repeat(1000)],
  ] as const)('to be held up by %s', async ([, count, beginning]) => {
    const asked = daemon.asked.length;
    const lines = await dawdlers(where(), count, beginning.replaceAll('HOST', page.url.host));
    if (count < 256) await expectWell(asked);
    for (const line of lines) line.destroy();
    await expectWell(asked);
  });

  it('to serve a thousand event streams', async () => {
    const stream = `GET /api/events HTTP/1.1\r\nHost: ${page.url.host}\r\nCookie: ${cookie}\r\n\r\n`;
    const lines = await dawdlers(where(), 200, stream);
    const answer = await page.says({ path: '/api/events', cookie, until: /\n\n/ });
    expect(answer.body?.code).toBe('TOO_MANY');
    for (const line of lines) line.destroy();
    // The line to the daemon is one, whoever watches.
    expect(daemon.asked.filter((asked) => asked.startsWith('GET /events')).length).toBeLessThan(5);
    await expectWell(daemon.asked.length);
  });
});

it('tells no secret in what it prints, and stays within its memory', () => {
  report({ name: 'page', idleMb, peakMb });
  expect(page.output()).not.toMatch(/canary|opq-session/);
  expect(peakMb).toBeLessThan(idleMb + boundMb(80));
});
