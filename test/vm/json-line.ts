import { once } from 'node:events';
import { connect } from 'node:net';

/** A connection that speaks JSON, one document a line, as QEMU's own socket and its guest agent do. */
export interface JsonLine {
  /** @param before a byte sent ahead of the line */
  send(message: object, before?: number): void;
  /** The next document that comes. @throws when none came in time or the other side hung up */
  next(): Promise<Readonly<Record<string, unknown>>>;
  close(): void;
}

/**
 * Connects to a unix socket.
 * @param timeoutMs for all that is said on this connection together
 */
export async function openJsonLine(path: string, timeoutMs: number): Promise<JsonLine> {
  const socket = connect(path);
  const signal = AbortSignal.timeout(timeoutMs);
  signal.addEventListener('abort', () => socket.destroy(new Error(`No answer within ${timeoutMs} ms from ${path}.`)));
  await once(socket, 'connect');
  const documents = read(socket);
  return {
    send(message, before) {
      if (before !== undefined) socket.write(Buffer.from([before]));
      socket.write(`${JSON.stringify(message)}\n`);
    },
    async next() {
      const { value, done } = await documents.next();
      if (done) throw new Error(`${path} hung up.`);
      return value;
    },
    close: () => socket.destroy(),
  };
}

async function* read(chunks: AsyncIterable<Buffer>): AsyncGenerator<Record<string, unknown>, undefined> {
  // Kept apart until the line ends: joining at every chunk would copy a large answer again and again.
  let pieces: Buffer[] = [];
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const line = Buffer.concat([...pieces, chunk.subarray(from, end)]);
      pieces = [];
      from = end + 1;
      const document = parse(line);
      if (document) yield document;
    }
    pieces.push(chunk.subarray(from));
  }
}

/** What follows the last 0xFF, with which the guest agent marks the end of what was left over from before. */
function parse(line: Buffer): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line.subarray(line.lastIndexOf(0xff) + 1).toString()) as Record<string, unknown>;
  } catch {
    return undefined; // half an answer to an earlier caller
  }
}
