/**
 * What a local program says to the sockets of the daemon: a row each. To add one: the threat's number, what it is, the
 * socket, the request in bytes, and the status and code of the answer (null: the connection is closed without one).
 */
import { operations } from '../../protocol/operations.ts';

export interface SocketAttack {
  readonly threat: string;
  readonly what: string;
  readonly socket: 'control.sock' | 'page.sock';
  readonly request: string;
  readonly status: number | null;
  readonly code: string | null;
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: box\r\nConnection: close\r\n\r\n`;
const post = (path: string, body: string, headers = '') =>
  `POST ${path} HTTP/1.1\r\nHost: box\r\nConnection: close\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

/** Each operation that is for root alone, asked for by the page. */
const forRoot: SocketAttack[] = Object.values(operations)
  .filter(({ page }) => !page)
  .map(({ method, path }) => ({
    threat: '34',
    what: `the page, which asks for ${path}`,
    socket: 'page.sock',
    request: method === 'GET' ? get(path) : post(path, '{}'),
    status: 403,
    code: 'NOT_PERMITTED',
  }));

const row = (
  what: string,
  request: string,
  status: number | null,
  code: string | null,
  socket: SocketAttack['socket'] = 'page.sock',
): SocketAttack => ({ threat: '34', what, socket, request, status, code });

export const socketAttacks: readonly SocketAttack[] = [
  ...forRoot,
  row('a way around to what root may', get('/x/../keys/add'), 404, 'NOT_FOUND'),
  row('the same in percent codes', post('/%69nstall-file', '{}'), 404, 'NOT_FOUND'),
  row(
    'the same by another method',
    post('/install-file', '{}', 'x-http-method-override: POST\r\n'),
    403,
    'NOT_PERMITTED',
  ),
  row('an operation named like something of JavaScript', get('/__proto__'), 404, 'NOT_FOUND'),
  row('an install by GET', get('/install'), 404, 'NOT_FOUND'),
  row('a body that is no JSON', post('/check', '{'), 400, 'USAGE'),
  row('a body that is a list', post('/check', '[]'), 400, 'USAGE'),
  row('a body with more than is asked for', post('/check', '{"install":false,"url":"http://x/"}'), 400, 'USAGE'),
  row('a version as text', post('/install', '{"version":"1550000009"}'), 400, 'USAGE'),
  row('a path to install from', post('/install', '{"path":"/etc/passwd"}'), 400, 'USAGE'),
  row('sixty kilobytes of [', post('/check', '['.repeat(60_000)), 400, 'USAGE'),
  row('a body of a hundred kilobytes', post('/check', `"${'x'.repeat(100_000)}"`), 400, 'USAGE'),
  row('a million lines of the log', get('/log?lines=1000000'), 400, 'USAGE'),
  row(
    'a header of sixty kilobytes',
    `GET /status HTTP/1.1\r\nHost: box\r\nx: ${'x'.repeat(60_000)}\r\n\r\n`,
    431,
    null,
  ),
  row('what is not HTTP', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\r\n\r\n', 400, null),
  row(
    'two lengths',
    'POST /check HTTP/1.1\r\nHost: box\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{} ',
    400,
    null,
  ),
  row(
    'a key with control characters in its name',
    post('/keys/add', JSON.stringify({ pem: 'x', name: '../\u001b[2J' })),
    400,
    'USAGE',
    'control.sock',
  ),
  row(
    'a package that is a device',
    post('/install-file', JSON.stringify({ path: '/dev/zero', retry: false, allow_downgrade: false })),
    404,
    'NOT_FOUND',
    'control.sock',
  ),
  row(
    'a configuration key of JavaScript',
    post('/config/set', '{"key":"__proto__","value":{"server_url":"http://x/"}}'),
    400,
    'CONFIG_INVALID',
    'control.sock',
  ),
];
