/**
 * Every address of the page, asked for in every way: no session, a session, another Host, another Origin, a form's
 * content type, GET. To add a route: its row here.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pageRouter } from '../../../ui/web/app.ts';
import type { Site } from '../../../ui/web/routes.ts';
import { type FakeDaemon, fakeDaemon } from '../../support/fake-daemon.ts';
import { type PageServer, startPage } from '../../support/page-server.ts';

/** Method, path and query; then status and code with a session and nothing else to say. */
const table: readonly [route: string, query: string, status: number, code?: string][] = [
  ['GET /', '', 200],
  ['GET /assets/:name', '', 200],
  ['GET /api/session', '', 200],
  ['POST /api/login', '', 400, 'BAD_REQUEST'],
  ['POST /api/password', '', 400, 'BAD_REQUEST'],
  ['GET /api/events', '', 200],
  ['GET /api/status', '', 200],
  ['POST /api/check', '', 200],
  ['POST /api/install', '', 200],
  ['POST /api/cancel', '', 200],
  ['POST /api/rollback', '', 200],
  ['GET /api/gates', '', 200],
  ['POST /api/postpone', '', 400, 'USAGE'],
  ['GET /api/undo-plan', '', 200],
  ['GET /api/history', '', 200],
  ['GET /api/log', '', 200],
  ['GET /api/facts', '', 200],
  ['GET /api/settings', '', 200],
  ['POST /api/settings/set', '', 200],
  ['GET /api/upload', '', 200],
  ['POST /api/upload/begin', '', 400, 'USAGE'],
  ['PUT /api/upload', '?offset=0', 200],
  ['POST /api/upload/discard', '', 200],
  ['POST /api/upload/install', '', 400, 'USAGE'],
  ['GET /api/bundle', '', 200],
  ['GET /api/keys', '', 200],
  ['GET /api/components', '', 200],
  ['POST /api/upgrade', '', 200],
  // Last, as it ends the session.
  ['POST /api/logout', '', 200],
];
const open = ['GET /', 'GET /assets/:name', 'GET /api/session', 'POST /api/login'];

let daemon: FakeDaemon;
let page: PageServer;
let cookie: string;
const ends: (() => Promise<void>)[] = [];
beforeAll(async () => {
  daemon = await fakeDaemon({ log: [] }, { page: 0o660 }, (end) => ends.push(end));
  page = await startPage(daemon.root);
  cookie = await page.signIn();
});
afterAll(async () => {
  await page.stop();
  for (const end of ends) await end();
});

it('has a row for each route of the router', () => {
  const walked = pageRouter({} as Site).stack.flatMap(({ methods, path }) =>
    methods.filter((method) => method !== 'HEAD').map((method) => `${method} ${path}`),
  );
  expect(table.map(([route]) => route).sort()).toEqual(walked.sort());
});

/** But for the line that the streams share, which opens when it likes. */
const asked = () => daemon.asked.filter((line) => !/^GET \/(events |log .*follow)/.test(line));

describe.each(table)('%s', (route, query, status, code) => {
  const [method = '', pattern = ''] = route.split(' ');
  const path = pattern.replace(':name', 'main-1a2b3c.js') + query;
  const raw = method === 'PUT' ? { 'content-type': 'application/octet-stream' } : {};
  const body = method === 'GET' ? {} : { body: '{}' };
  const ask = async (cookie: string | undefined, headers: Record<string, string> = {}) => {
    const before = asked().length;
    const answer = await page.says({ method, path, cookie, headers: { ...raw, ...headers }, until: /\n\n/, ...body });
    // Whatever it is: in no frame, as what it is, kept by nobody, and open to no other page.
    expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
    expect(answer.headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
    expect(answer.headers['referrer-policy']).toBe('no-referrer');
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    return { answer: [answer.status, answer.body?.code], toDaemon: asked().length - before };
  };
  const refused = (status: number, code: string) => ({ answer: [status, code], toDaemon: 0 });
  const isOpen = open.includes(route);

  it('without a session', async () => {
    if (isOpen) expect((await ask(undefined)).answer).toEqual([status, code]);
    else expect(await ask(undefined)).toEqual(refused(401, 'SIGNED_OUT'));
    const forged = `opq-session=${'A'.repeat(43)}`;
    if (!isOpen) expect(await ask(forged)).toEqual(refused(401, 'SIGNED_OUT'));
  });

  it('under another host name', async () => {
    for (const host of ['evil.example', `evil.example:fake@127.0.0.1:${page.url.port}`, '127.0.0.2']) {
      expect(await ask(cookie, { host, origin: `http://${host}` })).toEqual(refused(421, 'WRONG_HOST'));
    }
  });

  it('from another page', async () => {
    const foreign = [
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { origin: page.url.origin, 'sec-fetch-site': 'cross-site' },
      { origin: page.url.origin, 'sec-fetch-site': 'same-site' },
      { origin: `https://${page.url.host}` },
    ];
    for (const headers of foreign) {
      if (method === 'GET') expect((await ask(cookie, headers)).answer).toEqual([status, code]);
      else expect(await ask(cookie, headers)).toEqual(refused(403, 'CROSS_SITE'));
    }
  });

  it('as a form sends it', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
      if (method === 'GET') expect((await ask(cookie, { 'content-type': type })).answer).toEqual([status, code]);
      else expect(await ask(cookie, { 'content-type': type })).toEqual(refused(403, 'CROSS_SITE'));
    }
  });

  if (method !== 'GET')
    it('by GET', async () => {
      const before = asked().length;
      const answer = await page.says({ path: pattern, cookie });
      // There may be a GET of its own at the same address; it acts on nothing.
      const readable = table.some(([other]) => other === `GET ${pattern}`);
      expect([answer.status, answer.body?.code]).toEqual(readable ? [200, undefined] : [405, 'WRONG_METHOD']);
      expect(
        asked()
          .slice(before)
          .filter((line) => !line.startsWith('GET ')),
      ).toEqual([]);
    });

  it('by a method that no route has', async () => {
    for (const odd of ['DELETE', 'PATCH', 'OPTIONS', 'HEAD']) {
      const answer = await page.says({ method: odd, path, cookie });
      expect(answer.status).toBe(405);
    }
  });

  // Last: logout ends the session.
  it('with a session', async () => {
    expect((await ask(cookie)).answer).toEqual([status, code]);
  });
});

it('tells nobody without a session what there is', async () => {
  for (const path of ['/api/nothing', '/etc/passwd', '/assets/../index.html', '/assets/none.js', '//evil.example/'])
    expect([401, 404]).toContain((await page.says({ path })).status);
  expect((await page.says({ path: '/api/nothing' })).body.code).toBe('SIGNED_OUT');
  const again = await page.signIn();
  expect((await page.says({ path: '/api/nothing', cookie: again })).body.code).toBe('NOT_FOUND');
});
