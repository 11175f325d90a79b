import { readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { asUpdateError, UpdateError } from '../../protocol/errors.ts';

/** What decodes bzip2: `lbzip2` uses every core, `builtin` works where no program is installed, three times slower. */
export const decoders = ['lbzip2', 'bzip2', 'builtin'] as const;
export type Decoder = (typeof decoders)[number];

/**
 * By itself bzip2 writes 4 kB at a time, and wakes up who reads 20,000 times for 80 MB; more at a time than a socket
 * holds would have it wait for each answer.
 */
const programs = { lbzip2: ['lbzip2'], bzip2: ['stdbuf', '--output=64K', 'bzip2'] } as const;

/** The best decoder that this box has. */
export async function bestDecoder(): Promise<Decoder> {
  const { execa } = await import('execa');
  for (const decoder of ['lbzip2', 'bzip2'] as const) {
    const [program, ...args] = programs[decoder];
    const { exitCode } = await execa(program, [...args, '--help'], { stdio: 'ignore', reject: false });
    if (exitCode === 0) return decoder;
  }
  return 'builtin';
}

/**
 * The decoded bytes of a bzip2 file, read through an open handle from its first byte.
 * Leaving the loop early ends the decoder.
 * @throws UpdateError ARCHIVE_CORRUPT, INTERNAL when the program was killed, DISK_FAILED
 */
export async function* decode(packed: FileHandle, decoder: Decoder): AsyncGenerator<Uint8Array> {
  try {
    yield* decoder === 'builtin' ? decodeHere(packed) : decodeByProgram(packed, decoder);
  } catch (thrown) {
    const error = asUpdateError(thrown);
    if (thrown === error || error.code !== 'INTERNAL') throw error;
    throw new UpdateError('ARCHIVE_CORRUPT', `The package cannot be decoded: ${error.message}.`, { cause: thrown });
  }
}

async function* decodeByProgram(packed: FileHandle, decoder: keyof typeof programs): AsyncGenerator<Uint8Array> {
  const { execa } = await import('execa');
  // The program reads the file by itself: not a byte of it passes through this process.
  const [program, ...args] = programs[decoder];
  const child = execa(program, [...args, '--decompress', '--stdout'], {
    stdin: packed.fd as 3, // any number works, the type names a few
    stdout: 'pipe',
    stderr: 'pipe',
    buffer: { stdout: false, stderr: true },
    encoding: 'buffer',
    maxBuffer: 4096,
    reject: false,
  });
  try {
    yield* child.stdout;
    const { exitCode, signal, stderr } = await child;
    if (exitCode === 0) return;
    // Killed, as when memory is short: that says nothing of the package.
    const code = exitCode === undefined ? 'INTERNAL' : 'ARCHIVE_CORRUPT';
    const said = new TextDecoder().decode(stderr).trim().split('\n')[0];
    throw new UpdateError(code, `The package cannot be decoded: ${decoder} ended with ${exitCode ?? signal}: ${said}.`);
  } finally {
    child.kill('SIGKILL');
    await child.catch(() => {}); // killed on purpose when the reader had enough
  }
}

/**
 * Block by block, as the reader asks for them: the library's own stream decodes all that it was given at once, and
 * a few hundred bytes can be 300 MB.
 */
async function* decodeHere(packed: FileHandle): AsyncGenerator<Uint8Array> {
  const [{ default: bzip2 }, { default: bitIterator }] = await Promise.all([
    import('unbzip2-stream/lib/bzip2.js'),
    import('unbzip2-stream/lib/bit_iterator.js'),
  ]);
  const bits = bitIterator(chunksOf(packed.fd));
  const blockBytes = 100_000 * bzip2.header(bits);
  const scratch = new Int32Array(blockBytes);
  for (let checksum: number | null = 0; ; ) {
    const block = piecewise();
    checksum = bzip2.decompress(bits, block.push, scratch, blockBytes, checksum);
    if (checksum === null) return;
    yield* block.pieces();
  }
}

/** What gives the next chunk of a file at each call. */
function chunksOf(fd: number): () => Uint8Array {
  let position = 0;
  return () => {
    const chunk = Buffer.allocUnsafe(64 * 1024);
    const bytesRead = readSync(fd, chunk, 0, chunk.length, position);
    if (bytesRead === 0) throw new UpdateError('ARCHIVE_CORRUPT', 'The package cannot be decoded: it is cut off.');
    position += bytesRead;
    return chunk.subarray(0, bytesRead);
  };
}

/** Takes single bytes. In pieces, as a buffer that grows is there twice: the old one and the new. */
function piecewise() {
  const full: Buffer[] = [];
  let piece = Buffer.allocUnsafe(256 * 1024);
  let size = 0;
  return {
    push(byte: number): void {
      if (size === piece.length) {
        full.push(piece);
        piece = Buffer.allocUnsafe(piece.length);
        size = 0;
      }
      piece[size++] = byte;
    },
    *pieces(): Generator<Uint8Array> {
      yield* full;
      yield piece.subarray(0, size);
    },
  };
}
