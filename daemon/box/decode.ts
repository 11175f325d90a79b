import type { FileHandle } from 'node:fs/promises';
import { UpdateError } from '../../protocol/errors.ts';

/** What decodes bzip2: `lbzip2` uses every core, `builtin` works where no program is installed, three times slower. */
export const decoders = ['lbzip2', 'bzip2', 'builtin'] as const;
export type Decoder = (typeof decoders)[number];

/** The best decoder that this box has. */
export async function bestDecoder(): Promise<Decoder> {
  const { execa } = await import('execa');
  for (const program of ['lbzip2', 'bzip2'] as const) {
    const { exitCode } = await execa(program, ['--help'], { stdio: 'ignore', reject: false });
    if (exitCode === 0) return program;
  }
  return 'builtin';
}

/**
 * The decoded bytes of a bzip2 file, read through an open handle from its first byte.
 * Leaving the loop early ends the decoder.
 * @throws UpdateError ARCHIVE_CORRUPT
 */
export async function* decode(packed: FileHandle, decoder: Decoder): AsyncGenerator<Uint8Array> {
  try {
    yield* decoder === 'builtin' ? decodeHere(packed) : decodeByProgram(packed, decoder);
  } catch (cause) {
    if (cause instanceof UpdateError) throw cause;
    throw new UpdateError('ARCHIVE_CORRUPT', `The package cannot be decoded: ${(cause as Error).message}.`, { cause });
  }
}

async function* decodeByProgram(packed: FileHandle, program: string): AsyncGenerator<Uint8Array> {
  const { execa } = await import('execa');
  // The program reads the file by itself: not a byte of it passes through this process.
  const child = execa(program, ['--decompress', '--stdout'], {
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
    const said = new TextDecoder().decode(stderr).trim().split('\n')[0];
    throw new UpdateError(
      'ARCHIVE_CORRUPT',
      `The package cannot be decoded: ${program} ended with ${exitCode ?? signal}: ${said}.`,
    );
  } finally {
    child.kill('SIGKILL');
    await child.catch(() => {}); // killed on purpose when the reader had enough
  }
}

async function* decodeHere(packed: FileHandle): AsyncGenerator<Uint8Array> {
  const { default: unbzip2 } = await import('unbzip2-stream');
  const source = packed.createReadStream({ start: 0, autoClose: false });
  const decoded = unbzip2();
  source.on('error', (error) => decoded.destroy(error));
  source.pipe(decoded);
  try {
    yield* decoded as unknown as AsyncIterable<Uint8Array>;
  } finally {
    source.destroy();
  }
}
