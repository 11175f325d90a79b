/**
 * What clients say to a server that builds on demand: a row each. To add one: the threat's number, what it is, the
 * request in bytes, and the status of the answer.
 */
export interface AttendedAttack {
  readonly threat: '47';
  readonly what: string;
  readonly request: string;
  readonly status: number;
}

const rest = 'HTTP/1.1\r\nHost: server\r\nConnection: close\r\n';
const row = (what: string, request: string, status: number): AttendedAttack => ({
  threat: '47',
  what,
  request,
  status,
});

const posted = (what: string, body: string, status: number, path = '/api/build-request'): AttendedAttack =>
  row(what, `POST ${path} ${rest}Content-Length: ${Buffer.byteLength(body, 'latin1')}\r\n\r\n${body}`, status);

const base = { distro: 'opq', version: '1550190683', target: 'rpi/3' };
const asking = (what: string, more: object, status: number) =>
  posted(what, JSON.stringify({ ...base, ...more }), status);
const deep = (times: number) => `${'['.repeat(times)}${']'.repeat(times)}`;

export const attendedAttacks: readonly AttendedAttack[] = [
  asking('a command in the name of a component', { packages: ['$(touch precious)', '`id`', 'a;id', '|id'] }, 422),
  asking('options in the names of components', { packages: ['--checkpoint-action=exec=id', '-I', '-'] }, 422),
  asking('a component out of the store', { packages: ['../../../etc', '/etc/passwd', 'triggering_1.9_0/../x'] }, 422),
  asking('a line of a header in the name of a component', { packages: ['a\r\nSet-Cookie: b', '\u0000'] }, 422),
  asking('a property of all objects for a component', { packages: ['constructor', '__proto__'] }, 422),
  asking('a hundred thousand names', { packages: Array.from({ length: 12_000 }, (_, i) => `a${i}`) }, 400),
  asking('a name of fifty kilobytes', { packages: ['a'.repeat(50_000)] }, 400),
  asking('a version for a shell', { version: '1550190683;id' }, 412),
  asking('a version with spaces', { version: ' 1550190683 ' }, 412),
  asking('a version in another notation', { version: '1.550190683e9' }, 412),
  asking('a target out of its folder', { target: '../..' }, 412),
  asking('a property of all objects for a target', { target: '__proto__' }, 412),
  asking('a script for defaults', { defaults: '#!/bin/sh\nreboot\n' }, 400),
  asking('an object in the place of a text', { board: { $gt: '' } }, 400),
  posted('a prototype', `{"__proto__":{"distro":"opq"},"target":"rpi/3"}`, 400),
  posted('a body that is nested a thousand times', deep(1_000), 400),
  posted('a body that is nested fifty thousand times', deep(50_000), 400),
  posted('a body over its limit', `{"a":"${'x'.repeat(200_000)}"}`, 400),
  posted('the same for a check', `{"a":"${'x'.repeat(200_000)}"}`, 400, '/api/upgrade-check'),
  posted('bytes that are no text', '{"distro":"\xff\xfe"}', 400),
  row('a body that says it is huge', `POST /api/build-request ${rest}Content-Length: 1000000000000\r\n\r\n{`, 400),
  row('a hash that was cut', `GET /api/build-request/0000000000ab ${rest}\r\n`, 404),
  row('a hash that leads out of its folder', `GET /api/image/..%2f..%2fbuilder ${rest}\r\n`, 404),
  row('a file out of its folder', `GET /json/${'0'.repeat(64)}/../../key/private_key.pem ${rest}\r\n`, 404),
  row('the same in percent codes', `GET /download/${'0'.repeat(64)}/%2e%2e%2f%2e%2e%2fkey ${rest}\r\n`, 404),
  row('what the server keeps for itself', `GET /json/${'0'.repeat(64)}/.about.json ${rest}\r\n`, 404),
  row('another method', `DELETE /api/image/${'0'.repeat(64)} ${rest}\r\n`, 405),
  row('a search that is a pattern', `GET /api/models?distro=opq&version=1&model_search=(a+)+$ ${rest}\r\n`, 200),
];
