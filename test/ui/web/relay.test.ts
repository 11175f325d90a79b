import { type IncomingMessage, request } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { fakeDaemon } from '../../support/fake-daemon.ts';
import { cookieOf, type PageServer, startPage } from '../../support/page-server.ts';
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

it('goes on for others when one session is over in the middle of much to tell', async () => {
  const { daemon, page, cookie } = await newPage();
  const other = cookieOf(await page.post('/api/login', { password: 'correct horse' }));
  const [leaves, stays] = [watch(page, other), watch(page, cookie)];
  await stays.sees('event: status');
  await leaves.sees('event: status');
  const talk = setInterval(() => daemon.log(line('talk')), 1);
  await page.post('/api/logout', {}, other);
  await until('its end', () => leaves.seen.ended);
  clearInterval(talk);
  daemon.log(line('the last word'));
  await stays.sees('the last word');
});

it('has no gap for a page that is loaded again', async () => {
  const { page, cookie } = await newPage();
  for (let n = 0; n < 5; n++) {
    const browser = watch(page, cookie);
    await browser.sees('event: status');
    await browser.sees('before');
    browser.leave();
    expect(browser.seen.text).not.toContain('"answers":false');
  }
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
