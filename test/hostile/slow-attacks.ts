/**
 * Attacks that only take time: a row each, with the longest time that the limits of the updater allow. They run in
 * `npm run test:hostile` alone. To add one: the threat's number, what it is, what the server answers, the code, and
 * the limit in seconds.
 */
import type { ErrorCode } from '../../protocol/error-codes.ts';
import { type Goods, packagePath, signaturePath } from './goods.ts';
import { headOf, ok, type Replies, silence, trickle } from './hostile-server.ts';

export interface SlowAttack {
  readonly threat: string;
  readonly what: string;
  readonly code: ErrorCode;
  readonly replies: (goods: Goods) => Replies;
  readonly limitS: number;
}

/** Without an answer, and for a small file to be here. */
const silenceS = 30;
const smallFileS = 60;
/** A download is given up after so many failures without progress; the waits between them, at their longest. */
const tries = 8;
const waitsS = [0.5, 1, 2, 4, 8, 16, 32].reduce((sum, wait) => sum + wait * 1.25, 0);
const stallS = 60;

export const slowAttacks: readonly SlowAttack[] = [
  {
    threat: '13',
    what: 'silence in place of the release file',
    code: 'SERVER_UNREACHABLE',
    replies: () => ({ '/version.json': silence }),
    limitS: silenceS,
  },
  {
    threat: '13',
    what: 'headers, a byte at a time',
    code: 'SERVER_UNREACHABLE',
    replies: () => ({ '/version.json': trickle('HTTP/1.1 200 OK\r\nx: ') }),
    limitS: silenceS,
  },
  {
    threat: '13',
    what: 'a release file, a byte at a time',
    code: 'STALLED',
    replies: () => ({ '/version.json': trickle(headOf('200 OK', {}), ' ') }),
    limitS: smallFileS,
  },
  {
    threat: '13',
    what: 'silence in place of the signature',
    code: 'SERVER_UNREACHABLE',
    replies: ({ good }) => ({ [signaturePath(good)]: silence }),
    limitS: tries * silenceS + waitsS,
  },
  {
    threat: '13',
    what: 'a package, a byte at a time',
    code: 'STALLED',
    replies: ({ good }) => ({ [packagePath(good)]: trickle(headOf('200 OK', {}), 'x') }),
    limitS: tries * stallS + waitsS,
  },
  {
    threat: '12',
    what: 'a package that is cut off at the same byte each time',
    code: 'SERVER_UNREACHABLE',
    replies: ({ good: { bytes, ...good } }) => ({
      [packagePath({ bytes, ...good })]: Buffer.from(`${headOf('200 OK', { 'content-length': bytes.length })}BZh`),
    }),
    limitS: waitsS + tries * silenceS,
  },
  {
    threat: '16',
    what: 'a packed package',
    code: 'SERVER_ERROR',
    replies: ({ good }) => ({ [packagePath(good)]: ok(good.bytes, { 'content-encoding': 'gzip' }) }),
    limitS: waitsS + tries * silenceS,
  },
  {
    threat: '15',
    what: 'a range that nobody asked for, each time',
    code: 'SERVER_ERROR',
    replies: ({ good }) => ({
      [packagePath(good)]: Buffer.from(headOf('206 Partial Content', { 'content-range': 'bytes 5-9/10' })),
    }),
    limitS: waitsS + tries * silenceS,
  },
];
