/**
 * What somebody on the network of a box says to its page without being signed in: a row each. To add one: the threat's
 * number, what it is, the request in bytes, and the status and code of the answer (null: none).
 */
export interface PageAttack {
  readonly threat: string;
  readonly what: string;
  /** @param host the page as a browser writes it into Host */
  request(host: string): string;
  readonly status: number | null;
  readonly code: string | null;
}

const get =
  (path: string, headers = '') =>
  (host: string) =>
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${headers}\r\n`;

/** As the page itself would. */
const post =
  (path: string, body: string, headers = '', type = 'application/json', method = 'POST') =>
  (host: string) =>
    `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nOrigin: http://${host}\r\ncontent-type: ${type}\r\n${
      headers || `content-length: ${Buffer.byteLength(body)}\r\n`
    }\r\n${body}`;

type Row = [what: string, request: PageAttack['request'], status: number | null, code: string | null];
const rows = (threat: string, all: readonly Row[]): PageAttack[] =>
  all.map(([what, request, status, code]) => ({ threat, what, request, status, code }));

const uninvited = rows('37', [
  ['an operation in percent codes', get('/api/%73tatus'), 401, 'SIGNED_OUT'],
  ['an operation with a slash too many', get('//api/status'), 401, 'SIGNED_OUT'],
  ['an operation by a way around', get('/assets/../api/status'), 401, 'SIGNED_OUT'],
  ['an operation in capitals', get('/API/STATUS'), 401, 'SIGNED_OUT'],
  [
    'an operation that is for root alone',
    post('/api/config/set', '{"key":"server_url","value":"x"}'),
    401,
    'SIGNED_OUT',
  ],
  [
    'a session named like something of JavaScript',
    get('/api/status', 'Cookie: opq-session=__proto__\r\n'),
    401,
    'SIGNED_OUT',
  ],
  ['a hundred sessions at once', get('/api/status', `Cookie: ${'opq-session=A; '.repeat(100)}\r\n`), 401, 'SIGNED_OUT'],
  [
    'who says that he is the box',
    get('/api/status', 'X-Forwarded-For: 127.0.0.1\r\nForwarded: for=127.0.0.1\r\n'),
    401,
    'SIGNED_OUT',
  ],
  ['a file of the box', get('/assets/..%2f..%2f..%2fetc%2fpasswd'), 404, 'NOT_FOUND'],
]);

const elsewhere = rows('38', [
  ['another host', (host) => get('/')(host).replace(host, 'evil.example'), 421, 'WRONG_HOST'],
  [
    'a name that only looks like ours',
    (host) => get('/')(host).replace(host, `evil.example:fake@${host}`),
    421,
    'WRONG_HOST',
  ],
  [
    'two hosts, of which the second is ours',
    (host) => get('/', `Host: ${host}\r\n`)('evil.example'),
    421,
    'WRONG_HOST',
  ],
  ['no host', (host) => get('/')(host).replace(`Host: ${host}\r\n`, ''), 400, null],
  ['an old browser without a host', () => 'GET / HTTP/1.0\r\n\r\n', 421, 'WRONG_HOST'],
  ['a host with a line end in percent codes', (host) => get('/')(host).replace(host, 'evil%0d%0a'), 421, 'WRONG_HOST'],
  ['an address with another host in it', get('http://evil.example/api/session'), 400, 'BAD_REQUEST'],
  [
    'a question whether another page may',
    (host) =>
      `OPTIONS /api/login HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nOrigin: http://evil.example\r\nAccess-Control-Request-Method: POST\r\n\r\n`,
    405,
    'WRONG_METHOD',
  ],
  [
    'a POST that says it is a GET',
    post('/api/check', '{}', 'x-http-method-override: GET\r\ncontent-length: 2\r\n'),
    401,
    'SIGNED_OUT',
  ],
  [
    'a login from another page',
    (host) =>
      post('/api/login', '{"password":"x"}')(host).replace(`Origin: http://${host}`, 'Origin: http://evil.example'),
    403,
    'CROSS_SITE',
  ],
  ['a login by a form', post('/api/login', '{"password":"x"}', '', 'text/plain'), 403, 'CROSS_SITE'],
  [
    'a login that does not say from where',
    (host) => post('/api/login', '{}')(host).replace(/Origin: .*\r\n/, ''),
    403,
    'CROSS_SITE',
  ],
  ['a way to open a tunnel', (host) => `CONNECT evil.example:80 HTTP/1.1\r\nHost: ${host}\r\n\r\n`, null, null],
]);

const oversized = rows('42', [
  ['a login of ten gigabytes', post('/api/login', '{', 'content-length: 10000000000\r\n'), 413, 'TOO_LARGE'],
  [
    'a login in pieces without end',
    post('/api/login', `ffff\r\n${'x'.repeat(0xffff)}\r\nffff\r\n`, 'transfer-encoding: chunked\r\n'),
    413,
    'TOO_LARGE',
  ],
  ['four kilobytes of [', post('/api/login', '['.repeat(4000)), 400, 'BAD_REQUEST'],
  [
    'a login of many parts',
    post('/api/login', '--x\r\n\r\n', '', 'multipart/form-data; boundary=x'),
    403,
    'CROSS_SITE',
  ],
  [
    'an upload of a terabyte, of nobody',
    post('/api/upload?offset=0', 'x', 'content-length: 1000000000000\r\n', 'application/octet-stream', 'PUT'),
    401,
    'SIGNED_OUT',
  ],
  ['a login that never ends', post('/api/login', '{', 'content-length: 100\r\n'), 408, 'TOO_SLOW'],
  [
    'a GET with a body that never comes',
    (host) => get('/', 'content-length: 100\r\n')(host).replace('close', 'keep-alive'),
    400,
    'BAD_REQUEST',
  ],
  ['a header of sixty kilobytes', get('/', `x: ${'x'.repeat(60_000)}\r\n`), 431, null],
  ['two lengths', post('/api/login', '{}', 'content-length: 2\r\ncontent-length: 3\r\n'), 400, null],
  [
    'a length and pieces',
    post('/api/login', '2\r\n{}\r\n0\r\n\r\n', 'content-length: 2\r\ntransfer-encoding: chunked\r\n'),
    400,
    null,
  ],
  ['what is not HTTP', () => '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\r\n\r\n', 400, null],
]);

const nosy = rows('43', [
  ['a login that is no JSON', post('/api/login', '{'), 400, 'BAD_REQUEST'],
  [
    'a login with more than is asked for',
    post('/api/login', '{"password":"x","__proto__":{"admin":true}}'),
    400,
    'BAD_REQUEST',
  ],
  ['a password that is a list', post('/api/login', '{"password":["x"]}'), 400, 'BAD_REQUEST'],
  ['a percent sign that is none of a code', get('/%'), 401, 'SIGNED_OUT'],
  ['a percent sign below the files', get('/assets/%'), 404, 'NOT_FOUND'],
  ['a NUL', get('/assets/%00.js'), 404, 'NOT_FOUND'],
  ['a script as an address', get('/assets/<script>alert(1)'), 404, 'NOT_FOUND'],
  ['a query of ten kilobytes', get(`/api/session?${'x'.repeat(10_000)}`), 200, null],
  ['an asterisk for an address', get('*'), 400, 'BAD_REQUEST'],
]);

export const pageAttacks: readonly PageAttack[] = [...uninvited, ...elsewhere, ...oversized, ...nosy];
