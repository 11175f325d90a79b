import type { FileHandle } from 'node:fs/promises';

const chunkBytes = 256 * 1024;

/**
 * The bytes of a file from its first. Not `createReadStream`: that one closes the handle when a reader stops early,
 * whatever `autoClose` says, and a package is read more than once through one handle.
 */
export async function* chunksOf(file: FileHandle): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, position);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    position += bytesRead;
  }
}

/** The same chunks, each shown to `look` first. */
export async function* tap<T>(chunks: AsyncIterable<T>, look: (chunk: T) => void | Promise<void>): AsyncGenerator<T> {
  for await (const chunk of chunks) {
    await look(chunk);
    yield chunk;
  }
}
