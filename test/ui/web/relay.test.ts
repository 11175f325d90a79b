import { type IncomingMessage, request } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { fakeDaemon } from '../../support/fake-daemon.ts';
import { type PageServer, startPage } from '../../support/page-server.ts';
import { until } from '../../support/until.ts';

const line = (text: string) => ({ at: '2026-03-01T10:00:00.000Z', level: 'info' as const, text });

async function newPage() {
  const daemon = await fakeDaemon({ log: [line('before')] }, { control: 0o600, page: 0o660 });
  const page = await startPage(daemon.root);
  onTestFinished(() => page.stop());
  return { daemon, page, cookie: await page.signIn() };
}

/** A browser that watches: what it was told so far. */
function watch(page: PageServer, cookie: string) {
  const seen = { text: '', status: 0, ended: false };
  const sent = request(new URL('/api/events', page.url), { headers: { cookie }, agent: false });
  sent
    .on('error', () => {})
    .on('close', () => {
      seen.ended = true;
    });
  sent.on('response', (response: IncomingMessage) => {
    seen.status = response.statusCode!;
    response.setEncoding('utf8').on('data', (text: string) => {
      seen.text += text;
    });
    response.on('error', () => {});
  });
  sent.end();
  onTestFinished(() => void sent.destroy());
  return {
    seen,
    leave: () => sent.destroy(),
    sees: (text: string) => until(`"${text}"`, () => seen.text.includes(text), { note: () => seen.text }),
  };
}

const lines = (asked: readonly string[]) => asked.filter((one) => /^GET \/(events|log) /.test(one));

it('tells all who watch the same truth over one line to the daemon', async () => {
  const { daemon, page, cookie } = await newPage();
  const first = watch(page, cookie);
  await first.sees('before');
  await first.sees('event: status');
  const others = [watch(page, cookie), watch(page, cookie), watch(page, cookie)];
  // Who comes in the middle is told all that counts now.
  for (const other of others) {
    await other.sees('event: status');
    await other.sees('before');
  }
  daemon.say({ installed: 1_550_000_077 });
  daemon.log(line('install_update.sh: copying'));
  for (const one of [first, ...others]) {
    await one.sees('1550000077');
    await one.sees('install_update.sh: copying');
  }
  expect(lines(daemon.asked).sort()).toEqual(['GET /events {}', expect.stringMatching(/^GET \/log .*"follow":"true"/)]);
});

it('says that the daemon is away, and shows the truth again when it is back', async () => {
  const { daemon, page, cookie } = await newPage();
  const browser = watch(page, cookie);
  await browser.sees('event: status');
  await daemon.stop();
  await browser.sees('data: {"answers":false}');
  expect((await page.says({ path: '/api/status', cookie })).body.code).toBe('DAEMON_AWAY');
  const before = browser.seen.text.length;
  await daemon.start();
  await until('the truth', () => /"answers":true[\s\S]*event: status/.test(browser.seen.text.slice(before)));
  expect(browser.seen.ended).toBe(false);
});

it('ends the stream of a session that is over', async () => {
  const { page, cookie } = await newPage();
  const browser = watch(page, cookie);
  await browser.sees('event: status');
  await page.post('/api/logout', {}, cookie);
  await browser.sees('event: session');
  await until('its end', () => browser.seen.ended);
});

it('serves so many streams of one session and no more', async () => {
  const { page, cookie } = await newPage();
  const browsers = Array.from({ length: 25 }, () => watch(page, cookie));
  await until('an answer for each', () => browsers.every(({ seen }) => seen.status > 0));
  const count = (status: number) => browsers.filter(({ seen }) => seen.status === status).length;
  expect([count(200), count(429)]).toEqual([20, 5]);
  // One that leaves makes room.
  for (const { leave } of browsers) leave();
  await until('room', async () => {
    const answer = await page.says({ path: '/api/events', cookie, until: /\n\n/ });
    return answer.status === 200;
  });
});
