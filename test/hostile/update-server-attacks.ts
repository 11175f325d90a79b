/**
 * What clients say to the update server: a row each, beside the paths in test/server/hostile.test.ts. To add one: the
 * threat's number, what it is, the request in bytes, and the status of the answer.
 */
export interface ClientAttack {
  readonly threat: string;
  readonly what: string;
  readonly request: string;
  readonly status: number;
}

const rest = 'HTTP/1.1\r\nHost: server\r\nConnection: close\r\n';
const row = (threat: string, what: string, request: string, status: number): ClientAttack => ({
  threat,
  what,
  request,
  status,
});

export const clientAttacks: readonly ClientAttack[] = [
  row('44', 'a path out of its folder', `GET /update/../../etc/passwd ${rest}\r\n`, 404),
  row('44', 'the same in percent codes', `GET /update/%2e%2e%2f%2e%2e%2fetc%2fpasswd ${rest}\r\n`, 404),
  row('44', 'the same, coded twice', `GET /update/%252e%252e%252fetc%252fpasswd ${rest}\r\n`, 404),
  row('44', 'a NUL in a name', `GET /update/opq-box-update-1550000009.tar.bz2%00.sig ${rest}\r\n`, 404),
  row('44', 'a link in its folder', `GET /update/opq-box-update-1550000010.tar.bz2 ${rest}\r\n`, 404),
  row('44', 'a file with a dot', `GET /update/.htpasswd ${rest}\r\n`, 404),
  row(
    '44',
    'a file that is not whole yet',
    `GET /update/opq-box-update-1550000011.tar.bz2.0a1b2c3d.new ${rest}\r\n`,
    404,
  ),
  row('44', 'a private key beside the packages', `GET /private_key.pem ${rest}\r\n`, 404),
  row('48', 'a header of sixty kilobytes', `GET /version ${rest}x: ${'x'.repeat(60_000)}\r\n\r\n`, 431),
  row('48', 'a path of sixty kilobytes', `GET /${'x'.repeat(60_000)} ${rest}\r\n`, 431),
  row('48', 'ten thousand headers', `GET /version ${rest}${'x: y\r\n'.repeat(10_000)}\r\n`, 431),
  row('48', 'a thousand ranges', `GET /version.json ${rest}Range: bytes=${'0-0,'.repeat(1000)}0-0\r\n\r\n`, 200),
  row('48', 'another method', `DELETE /update/1550000009 ${rest}\r\n`, 405),
  row('48', 'a method that nobody knows', `FROB /version ${rest}\r\n`, 400),
  row('48', 'two lengths', `POST /version ${rest}content-length: 2\r\ncontent-length: 3\r\n\r\n{} `, 400),
  row(
    '48',
    'a request inside another',
    `POST /version ${rest}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /`,
    400,
  ),
  row(
    '35',
    'a token and a password',
    `GET /nothing?canary-token ${rest}Authorization: canary-word\r\nCookie: canary-word\r\n\r\n`,
    404,
  ),
  row(
    '35',
    'a line of the log in the user agent',
    `GET /version ${rest}User-Agent: x" 200 done\t\\"\u009b2J\r\n\r\n`,
    200,
  ),
];
