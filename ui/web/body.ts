import type { IncomingMessage } from 'node:http';
import { Refusal } from './refuse.ts';

const patienceMs = 10_000;

/**
 * The whole body of a request.
 * @throws Refusal TOO_LARGE before more is read | TOO_SLOW | BAD_REQUEST when it was cut off
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw new Refusal('TOO_LARGE');
  const chunks: Buffer[] = [];
  let size = 0;
  const reading = new Promise<Buffer>((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) reject(new Refusal('TOO_LARGE'));
      else chunks.push(chunk);
    });
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', () => reject(new Refusal('BAD_REQUEST')));
    request.once('close', () => reject(new Refusal('BAD_REQUEST')));
    setTimeout(() => reject(new Refusal('TOO_SLOW')), patienceMs).unref();
  });
  try {
    return await reading;
  } finally {
    request.removeAllListeners('data').pause();
  }
}

/** @throws Refusal BAD_REQUEST for what is not JSON */
export function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString() || '{}');
  } catch {
    throw new Refusal('BAD_REQUEST');
  }
}
