/**
 * What a hostile server, or somebody on the way to a good one, answers: a row each. The server offers the good
 * release but for what the row puts in its place. To add one: the threat's number, what it is, what it answers, and
 * the code with which the box refuses it.
 */
import { gzipSync } from 'node:zlib';
import type { ErrorCode } from '../../protocol/error-codes.ts';
import { fileOf, type Goods, offering, packagePath, signaturePath } from './goods.ts';
import { answer, endless, headOf, ok, type Replies, redirect } from './hostile-server.ts';

export interface ServerAttack {
  readonly threat: string;
  readonly what: string;
  readonly code: ErrorCode;
  /** In place of what a good server answers. */
  readonly replies: (goods: Goods) => Replies;
  /** True: it is refused before the package is asked for. */
  readonly early?: boolean;
}

type Row = readonly [threat: string, what: string, code: ErrorCode, replies: ServerAttack['replies']];
const rows = (early: boolean, list: readonly Row[]): ServerAttack[] =>
  list.map(([threat, what, code, replies]) => ({ threat, what, code, replies, early }));

const versionFile = (text: string | Buffer) => (): Replies => ({ '/version.json': ok(text) });
const versionIs = (json: string) => versionFile(`{"version":${json}}`);
const packageIs = (name: string) => (goods: Goods) =>
  versionFile(JSON.stringify({ version: goods.good.version, package: name }))();
const says =
  (status: string, headers: Readonly<Record<string, string>> = {}) =>
  (): Replies => ({
    '/version.json': answer(status, headers, ''),
  });
const sendsOn = (to: string, status?: string) => (): Replies => ({ '/version.json': redirect(to, status) });

const flipped = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at]! ^= 1;
  return copy;
};
const altered =
  (change: (bytes: Buffer) => Buffer) =>
  ({ good }: Goods): Replies => ({ [packagePath(good)]: ok(change(good.bytes)) });
const signed =
  (change: (signature: string) => string) =>
  ({ good }: Goods): Replies => ({ [signaturePath(good)]: ok(change(good.signature)) });

/** Refused by what the server says of its release, before anything else is asked for. */
const early = rows(true, [
  ['11', 'a release file that is empty', 'RELEASE_FILE_INVALID', versionFile('')],
  ['11', 'a release file that is no JSON', 'RELEASE_FILE_INVALID', versionFile('version=1550000009')],
  ['11', 'a release file with a byte order mark', 'RELEASE_FILE_INVALID', versionFile('\ufeff{"version":1550000009}')],
  ['11', 'a release file that is no UTF-8', 'RELEASE_FILE_INVALID', versionFile(Buffer.from([0x22, 0xff, 0x22]))],
  ['11', 'a release file that is a list', 'RELEASE_FILE_INVALID', versionFile('[1550000009]')],
  ['11', 'a release file that is null', 'RELEASE_FILE_INVALID', versionFile('null')],
  ['11', 'a release file without a version', 'RELEASE_FILE_INVALID', versionFile('{}')],
  [
    '11',
    'a release file that says its version twice',
    'RELEASE_FILE_INVALID',
    versionFile('{"version":1,"version":1550000009}'),
  ],
  ['11', 'a version in __proto__', 'RELEASE_FILE_INVALID', versionFile('{"__proto__":{"version":1550000009}}')],
  ['11', 'a version as text', 'RELEASE_FILE_INVALID', versionIs('"1550000009"')],
  ['11', 'a version as text with blanks', 'RELEASE_FILE_INVALID', versionIs('" 1550000009 "')],
  ['11', 'a version as hex', 'RELEASE_FILE_INVALID', versionIs('"0x5C63B149"')],
  ['11', 'a version with a fraction', 'RELEASE_FILE_INVALID', versionIs('1550000009.5')],
  ['11', 'a version below zero', 'RELEASE_FILE_INVALID', versionIs('-1550000009')],
  ['11', 'the version 0', 'RELEASE_FILE_INVALID', versionIs('0')],
  ['11', 'the version 1e400', 'RELEASE_FILE_INVALID', versionIs('1e400')],
  ['11', 'the version 2^53 + 1', 'RELEASE_FILE_INVALID', versionIs('9007199254740993')],
  ['11', 'a release file of ten megabytes of [', 'SIZE_MISMATCH', versionFile(Buffer.alloc(10_000_000, '['))],
  ['11', 'sixty kilobytes of [', 'RELEASE_FILE_INVALID', versionFile('['.repeat(60_000))],
  ['12', 'a release file without end', 'SIZE_MISMATCH', () => ({ '/version.json': endless() })],
  [
    '12',
    'a release file that is cut off',
    'SERVER_UNREACHABLE',
    () => ({ '/version.json': Buffer.from(`${headOf('200 OK', { 'content-length': 500 })}{"version":1`) }),
  ],
  ['13', 'headers without end', 'SERVER_UNREACHABLE', () => ({ '/version.json': manyHeaders })],
  ['13', 'something that is not HTTP', 'SERVER_UNREACHABLE', () => ({ '/version.json': Buffer.from('SSH-2.0-x\r\n') })],
  ['14', 'a redirect to another host', 'NOT_OUR_SERVER', sendsOn('http://elsewhere.example/version.json')],
  ['14', 'a redirect to the box itself', 'NOT_OUR_SERVER', sendsOn('http://127.0.0.1:22/')],
  ['14', 'a redirect to a file', 'NOT_OUR_SERVER', sendsOn('file:///etc/passwd', '301 Moved Permanently')],
  ['14', 'a redirect to itself', 'NOT_OUR_SERVER', sendsOn('/version.json', '307 Temporary Redirect')],
  ['14', 'a redirect to nowhere', 'NOT_OUR_SERVER', says('308 Permanent Redirect')],
  ['14', 'a redirect to a control character', 'SERVER_UNREACHABLE', sendsOn('\u0001')],
  [
    '16',
    'a packed release file that would be 50 MB',
    'SERVER_ERROR',
    () => ({ '/version.json': ok(gzipSync(Buffer.alloc(50_000_000, ' ')), { 'content-encoding': 'gzip' }) }),
  ],
  ['17', 'the log-in page of a Wi-Fi', 'NOT_OUR_SERVER', versionFile('<!doctype html><title>Log in</title>')],
  ['17', 'a network that wants a log-in', 'NOT_OUR_SERVER', says('511 Network Authentication Required')],
  ['17', '204 in place of the release file', 'SERVER_ERROR', says('204 No Content')],
  ['17', '304 to who asked for no condition', 'SERVER_ERROR', says('304 Not Modified')],
  [
    '17',
    '206 to who asked for no range',
    'SERVER_ERROR',
    says('206 Partial Content', { 'content-range': 'bytes 0-0/1' }),
  ],
  ['17', '401', 'SERVER_ERROR', says('401 Unauthorized', { 'www-authenticate': 'Basic realm="x"' })],
  ['17', '418', 'SERVER_ERROR', says("418 I'm a teapot")],
  ['17', '503 for a day', 'SERVER_ERROR', says('503 Service Unavailable', { 'retry-after': '86400' })],
  ['18', 'a package in another folder', 'RELEASE_FILE_INVALID', packageIs('../../etc/passwd')],
  ['18', 'a package with an absolute name', 'RELEASE_FILE_INVALID', packageIs('/etc/passwd')],
  ['18', 'a package at another address', 'RELEASE_FILE_INVALID', packageIs('http://elsewhere.example/x.tar.bz2')],
  ['18', 'a package name with a line end', 'RELEASE_FILE_INVALID', packageIs('opq-box-update-1550000009.tar.bz2\n')],
  ['18', 'a package name in percent codes', 'RELEASE_FILE_INVALID', packageIs('%2e%2e%2fetc%2fpasswd')],
  ['18', 'a package name of 300 characters', 'RELEASE_FILE_INVALID', packageIs('x'.repeat(300))],
  [
    '18',
    'a signature elsewhere',
    'RELEASE_FILE_INVALID',
    ({ good }) => versionFile(JSON.stringify({ version: good.version, signature: '../x.sig' }))(),
  ],
  ['6', 'an older package, signed long ago', 'DOWNGRADE_REFUSED', ({ older }) => offering(older)],
  [
    '9',
    'a release file for other hardware',
    'HARDWARE_MISMATCH',
    ({ good }) => versionFile(fileOf(good, { hardware: ['rpi/99'] }))(),
  ],
  ['12', 'a package of a terabyte', 'DISK_FULL', ({ good }) => versionFile(fileOf(good, { size: 2 ** 40 }))()],
  ['35', 'the password that the box gave it', 'NOT_OUR_SERVER', () => ({ '/version.json': mirror })],
  ['35', 'a redirect with a token in it', 'NOT_OUR_SERVER', sendsOn('http://canary-name:canary-word@h/?canary-token')],
]);

/** Refused by what it sends. */
const late = rows(false, [
  [
    '1',
    'package, signature and key of a stranger',
    'SIGNATURE_INVALID',
    ({ strangers, strangersKey }) => ({ ...offering(strangers), '/public_key.pem': ok(strangersKey) }),
  ],
  ['2', 'a package whose first bit is another', 'SIGNATURE_INVALID', altered((bytes) => flipped(bytes, 0))],
  [
    '2',
    'a package with another bit in the middle',
    'SIGNATURE_INVALID',
    altered((bytes) => flipped(bytes, bytes.length >> 1)),
  ],
  [
    '2',
    'a package whose last bit is another',
    'SIGNATURE_INVALID',
    altered((bytes) => flipped(bytes, bytes.length - 1)),
  ],
  [
    '3',
    'no signature',
    'SIGNATURE_MISSING',
    ({ good }) => ({ [signaturePath(good)]: answer('404 Not Found', {}, '') }),
  ],
  ['3', 'an empty signature', 'SIGNATURE_INVALID', signed(() => '')],
  [
    '3',
    'the signature of another package',
    'SIGNATURE_INVALID',
    ({ good, other }) => ({ [signaturePath(good)]: ok(other.signature) }),
  ],
  [
    '3',
    'a signature with garbage in it',
    'SIGNATURE_INVALID',
    signed((text) => `${text.slice(0, 9)}*${text.slice(9)}`),
  ],
  ['3', 'a signature of a megabyte', 'SIZE_MISMATCH', signed(() => 'A'.repeat(2 ** 20))],
  ['3', 'a web page as signature', 'NOT_OUR_SERVER', signed(() => '<html>')],
  [
    '8',
    'the package of another release, well signed',
    'VERSION_MISMATCH',
    ({ good, other }) => ({
      '/version.json': ok(fileOf({ ...other, version: good.version })),
      [packagePath(good)]: ok(other.bytes),
      [signaturePath(good)]: ok(other.signature),
    }),
  ],
  ['9', 'a package that is for other hardware', 'HARDWARE_MISMATCH', ({ forOthers }) => offering(forOthers)],
  ['10', 'a release of next week', 'VERSION_IN_FUTURE', ({ future }) => offering(future)],
  [
    '12',
    'a package with more bytes than the release file says',
    'SIZE_MISMATCH',
    altered((bytes) => Buffer.concat([bytes, bytes])),
  ],
  ['12', 'a package without end', 'SIZE_MISMATCH', ({ good }) => ({ [packagePath(good)]: endless() })],
  ['14', 'a redirect for the package', 'NOT_OUR_SERVER', ({ good }) => ({ [packagePath(good)]: redirect('/x') })],
  ['14', 'a redirect for the signature', 'NOT_OUR_SERVER', ({ good }) => ({ [signaturePath(good)]: redirect('/x') })],
  [
    '17',
    'a web page in place of the package',
    'NOT_OUR_SERVER',
    ({ good }) => ({ [packagePath(good)]: ok('<html>', { 'content-type': 'text/html; charset=utf-8' }) }),
  ],
]);

export const serverAttacks: readonly ServerAttack[] = [...early, ...late];

const manyHeaders = Buffer.from(`HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(100_000)}\r\n`);

/** Gives back what it was told, as the page of a broken proxy does. */
function mirror(socket: { end(bytes: Buffer): void }, { head }: { readonly head: string }): void {
  const authorization = /^authorization: (.*)$/im.exec(head)?.[1] ?? '';
  socket.end(ok(authorization));
}
