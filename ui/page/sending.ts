import type { UploadView } from '../../protocol/box-views.ts';
import { act, ask, Refused, read } from './api.ts';
import { pathOf } from './paths.ts';

/** So much goes in one request: small enough that a cut costs little, large enough for a slow box. */
const pieceBytes = 1024 * 1024;
const mostMisses = 40;

/**
 * Brings a package to the box, going on where an earlier try stopped; the box has been asked for its space first.
 * @throws Refused with what the box says against it, or when it stays away
 */
export async function send(file: File, signature: string, signal: AbortSignal): Promise<void> {
  let view: UploadView | null = await act('upload_begin', { name: file.name, size_bytes: file.size, signature });
  for (let misses = 0; view?.state === 'receiving' && !signal.aborted; ) {
    const offset: number = view.received_bytes;
    try {
      view = await put(file.slice(offset, offset + pieceBytes), offset, signal);
      misses = 0;
    } catch (thrown) {
      if (signal.aborted) return;
      if (!isPassing(thrown) || ++misses > mostMisses) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, Math.min(500 * misses, 5000)));
      view = await read('upload').catch(() => view);
    }
  }
}

/** No answer, one of a server in between, or an earlier piece was still arriving: the box says how much it has kept. */
const isPassing = (thrown: unknown): boolean =>
  thrown instanceof Refused &&
  (thrown.status === 0 || thrown.status >= 500 || ['BUSY', 'SIZE_MISMATCH'].includes(thrown.fault.code));

const put = (body: Blob, offset: number, signal: AbortSignal): Promise<UploadView> =>
  ask(`${pathOf('upload_put')}?offset=${offset}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream' },
    body,
    signal,
  }) as Promise<UploadView>;
