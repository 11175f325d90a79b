import { corrupt } from './archive-errors.ts';
import { UpdateError } from './errors.ts';

/**
 * What a walk through a stream asks for: bytes in one piece, bytes to pass over, bytes to pass on to whoever keeps them,
 * or whatever comes until the end.
 */
export type Need =
  | { readonly take: number }
  | { readonly skip: number }
  | { readonly pass: number }
  | { readonly rest: true };

/** A parser written as if it could wait for its bytes; answers to `rest` are chunks, an empty one is the end. */
export type Walk<T> = Generator<Need, T, Buffer>;

/**
 * Runs a walk over chunks of any size. What is taken is copied: a caller may use its buffer again.
 * @param maxBytes cap on all bytes together
 * @param keep gets what is passed on, piece by piece
 * @throws UpdateError ARCHIVE_CORRUPT (cut off), ARCHIVE_REFUSED (over the cap), and what the walk throws
 */
export function feed<T>(
  walk: Walk<T>,
  maxBytes: number,
  keep: (piece: Uint8Array) => void = () => {},
): { push(chunk: Uint8Array): void; end(): T } {
  let failure: unknown;
  let asked = walk.next();
  let taken = Buffer.alloc(0);
  let missing = 0;
  let passes = false;
  let totalBytes = 0;

  const begin = () => {
    const need = asked.value as Need;
    missing = lengthOf(need);
    passes = 'pass' in need;
    taken = Buffer.alloc('take' in need ? need.take : 0);
  };
  const answer = (bytes: Buffer) => {
    asked = walk.next(bytes);
    if (!asked.done) begin();
  };
  const eat = (chunk: Buffer) => {
    let at = 0;
    while (at < chunk.length) {
      const piece = chunk.subarray(at, at + missing);
      if ('rest' in (asked.value as Need)) answer(piece);
      else {
        if (taken.length > 0) piece.copy(taken, taken.length - missing);
        else if (passes) keep(piece);
        missing -= piece.length;
      }
      at += piece.length;
      while (missing === 0) answer(taken);
    }
  };
  const once = <R>(work: () => R): R => {
    if (failure !== undefined) throw failure;
    try {
      return work();
    } catch (thrown) {
      failure = thrown;
      throw thrown;
    }
  };

  begin();
  return {
    push: (chunk) =>
      once(() => {
        totalBytes += chunk.length;
        if (totalBytes > maxBytes) {
          throw new UpdateError('ARCHIVE_REFUSED', `The archive unpacks to more than the limit of ${maxBytes} bytes.`);
        }
        eat(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      }),
    end: () =>
      once(() => {
        if (totalBytes === 0) throw corrupt('is empty');
        if (!asked.done && 'rest' in asked.value) asked = walk.next(Buffer.alloc(0));
        if (asked.done) return asked.value;
        throw corrupt(`is cut off: it ends after ${totalBytes} bytes without its end mark`);
      }),
  };
}

function lengthOf(need: Need): number {
  if ('take' in need) return need.take;
  if ('skip' in need) return need.skip;
  return 'pass' in need ? need.pass : Number.POSITIVE_INFINITY;
}

export interface Cursor {
  position(): number;
  take(bytes: number): Walk<Buffer>;
  skip(bytes: number): Walk<void>;
  pass(bytes: number): Walk<void>;
}

/** Asks for bytes and keeps count of them. */
export function cursor(): Cursor {
  let position = 0;
  return {
    position: () => position,
    *take(bytes) {
      position += bytes;
      return bytes === 0 ? Buffer.alloc(0) : yield { take: bytes };
    },
    *skip(bytes) {
      position += bytes;
      if (bytes > 0) yield { skip: bytes };
    },
    *pass(bytes) {
      position += bytes;
      if (bytes > 0) yield { pass: bytes };
    },
  };
}
