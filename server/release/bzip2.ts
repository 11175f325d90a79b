import { pipeline } from 'node:stream/promises';
import { execa } from 'execa';
import { UpdateError } from '../../protocol/errors.ts';

/** The one packing of all packages: other programs and levels give other bytes. */
export const packed = (input: AsyncIterable<Uint8Array>): AsyncIterable<Buffer> => bzip2('-9', input);

/** @throws UpdateError ARCHIVE_CORRUPT, from the iteration, when the bytes are not bzip2 or damaged */
export const unpacked = (input: AsyncIterable<Uint8Array>): AsyncIterable<Buffer> => bzip2('-d', input);

/** How writing ends when the child has closed its input: then its exit code is the news. */
const gaveUp: readonly unknown[] = ['EPIPE', 'ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE'];

/** Streams through a `bzip2` child; what `input` throws comes out again. */
async function* bzip2(mode: '-9' | '-d', input: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const child = execa('bzip2', [mode, '-c'], {
    buffer: { stdout: false },
    reject: false,
    // Options from the environment would change the bytes.
    env: { BZIP: undefined, BZIP2: undefined },
  });
  const feeding = pipeline(input, child.stdin).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error,
  );
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    const [feedError, { code, exitCode, stderr }] = await Promise.all([feeding, child]);
    if (code === 'ENOENT') throw new UpdateError('NOT_FOUND', 'bzip2 is not installed here.');
    const stoppedEarly = gaveUp.includes(feedError?.code);
    if (feedError && !stoppedEarly) throw feedError;
    if (exitCode === 0 && !stoppedEarly) return;
    const said = stderr.trim().split('\n')[0]?.trim() || 'there is more after its end';
    throw mode === '-d'
      ? new UpdateError('ARCHIVE_CORRUPT', `The package does not unpack: ${said}`)
      : new UpdateError('INTERNAL', `bzip2 ended with exit code ${exitCode}: ${said}`);
  } finally {
    child.kill();
  }
}
