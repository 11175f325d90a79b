import { execFileSync, spawnSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { oneBzip2Stream } from '../../protocol/bzip2.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { errorOf } from '../support/error-of.ts';
import { feedAll, packageRows, tarBytes } from '../support/tar-bytes.ts';

const pack = (input: Buffer, program = 'bzip2', ...args: string[]) =>
  execFileSync(program, ['-c', ...args], { input, maxBuffer: 2 ** 26, stdio: ['pipe', 'pipe', 'ignore'] });
const check = (bytes: Buffer, chunkBytes?: number) => feedAll(oneBzip2Stream(), bytes, chunkBytes);

const archive = tarBytes(packageRows());
const packed = pack(archive, 'bzip2', '-9');
/** Eight streams, so that every number of bits may fill the last byte. */
const variety = Array.from({ length: 24 }, (_, n) => pack(Buffer.alloc(n * 37, `variety ${n}`)));

describe('packed bytes that are one whole bzip2 stream', () => {
  it('pass, whatever fills the last byte', () => {
    for (const bytes of [packed, ...variety]) expect(errorOf(() => check(bytes))).toBe('no error');
  });

  it('pass with every block size', () => {
    for (let size = 1; size <= 9; size++) check(pack(archive, 'bzip2', `-${size}`));
  });

  it('pass with many blocks', () => {
    const noise = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i * 31 + (i >> 3)) & 0xff));
    check(pack(noise, 'bzip2', '-1'));
  });

  it.skipIf(spawnSync('lbzip2', ['--version']).error)('pass when lbzip2 packed them', () => {
    check(pack(archive, 'lbzip2'));
  });

  it('may hold another bzip2 file as content', () => {
    check(pack(tarBytes(packageRows({ name: 'inner.bz2', content: packed }))));
  });
});

describe('packed bytes that are not one whole bzip2 stream', () => {
  const zip = Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(40)]);
  const xz = Buffer.concat([Buffer.from('fd377a585a00', 'hex'), Buffer.alloc(40)]);
  const rows: [string, Buffer][] = [
    ['are empty', Buffer.alloc(0)],
    ['are gzip', gzipSync(archive)],
    ['are a zip archive', zip],
    ['are xz', xz],
    ['are a web page', Buffer.from('\n<!doctype html><title>Log in</title>')],
    ['are a tar archive that is not packed', archive],
    ['are text', Buffer.from('no')],
    ['are only the first letters', Buffer.from('BZh9')],
    ['are bzip with another digit', Buffer.concat([Buffer.from('BZh0'), packed.subarray(4)])],
    ['are bzip2 without a block', Buffer.concat([Buffer.from('BZh9'), Buffer.alloc(60)])],
    ['are two streams', Buffer.concat([packed, packed])],
    ['are a stream and an empty stream', Buffer.concat([packed, pack(Buffer.alloc(0))])],
    ['are a stream and zeros', Buffer.concat([packed, Buffer.alloc(1)])],
    ['are a stream and a line end', Buffer.concat([packed, Buffer.from('\n')])],
    ['lack the last byte', packed.subarray(0, -1)],
    ['lack the end mark', packed.subarray(0, -12)],
    ['are cut in the middle', packed.subarray(0, packed.length / 2)],
  ];
  it.each(rows)('are refused when they %s', (_, bytes) => {
    expect(errorOf(() => check(bytes))).toBe('ARCHIVE_CORRUPT');
    expect(errorOf(() => check(bytes, 1))).toBe('ARCHIVE_CORRUPT');
  });

  it('are refused when two streams meet anywhere between two chunks', () => {
    const two = Buffer.concat([packed, packed]);
    for (let chunkBytes = packed.length - 3; chunkBytes < packed.length + 14; chunkBytes++) {
      expect(errorOf(() => check(two, chunkBytes))).toBe('ARCHIVE_CORRUPT');
    }
  });

  it('are refused at every length but the whole, and with any byte behind it', () => {
    for (const whole of variety) {
      for (let length = 0; length < whole.length; length++) {
        expect(errorOf(() => check(whole.subarray(0, length)))).toBe('ARCHIVE_CORRUPT');
      }
      for (let byte = 0; byte < 256; byte++) {
        expect(errorOf(() => check(Buffer.concat([whole, Buffer.from([byte])])))).toBe('ARCHIVE_CORRUPT');
      }
    }
  });

  it('are judged alike in chunks of any size, and never crash the check', () => {
    const verdict = (bytes: Buffer, chunkBytes?: number) => {
      try {
        return check(bytes, chunkBytes);
      } catch (error) {
        if (error instanceof UpdateError) return error.code;
        throw error;
      }
    };
    const pieces = fc.constantFrom(
      packed,
      Buffer.from('BZh9'),
      Buffer.from('1AY&SY'),
      packed.subarray(-12),
      Buffer.from('BZBZh'),
    );
    const some = fc.array(
      fc.oneof(
        pieces,
        fc.uint8Array({ maxLength: 30 }).map((a) => Buffer.from(a)),
      ),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(
        some.map((list) => Buffer.concat(list)),
        fc.integer({ min: 1, max: 400 }),
        (bytes, chunkBytes) => {
          expect(verdict(bytes, chunkBytes)).toEqual(verdict(bytes));
        },
      ),
      { numRuns: 500 },
    );
  });
});
