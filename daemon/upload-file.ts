import { constants } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { UploadView } from '../protocol/box-views.ts';
import { UpdateError } from '../protocol/errors.ts';
import { versionOfPackageName } from '../protocol/version.ts';
import { exists, move, openRegular, writeFileSafely } from './files.ts';
import { verifyTrusted } from './package/verify-trusted.ts';
import { readQuarantine } from './quarantine.ts';
import { judgeRelease } from './steps/verify.ts';
import type { Resident } from './tools.ts';

/** The files of a package that a person brings, in a private folder of their own. */
export function uploadFiles(folder: string, name: string) {
  const verified = join(folder, name);
  return {
    verified,
    unverified: `${verified}.unverified`,
    signature: `${verified}.sig`,
    async create(signature: string): Promise<void> {
      await writeFileSafely(this.signature, signature);
      await writeFileSafely(this.unverified, '');
    },
    /** What has arrived, bytes. */
    async sizes(): Promise<number | undefined> {
      const found = await stat(this.unverified)
        .catch(() => stat(this.verified))
        .catch(() => undefined); // gone: sent again
      return found?.size;
    },
  };
}

/** How often those who watch are told. */
const tellMs = 500;

/**
 * Writes bytes where they belong. What has arrived stays when the rest does not come.
 * @throws UpdateError SIZE_MISMATCH for a byte more than announced, which is not written; USAGE when it was cut off
 */
export async function appendUpload(
  path: string,
  bytes: AsyncIterable<Buffer>,
  { offset, sizeBytes, arrived }: { offset: number; sizeBytes: number; arrived(total: number): void },
): Promise<void> {
  const file = await openRegular(path, constants.O_WRONLY);
  let total = offset;
  let toldMs = performance.now();
  try {
    for await (const chunk of piecesOf(bytes)) {
      if (total + chunk.length > sizeBytes)
        throw new UpdateError('SIZE_MISMATCH', `The package was announced with ${sizeBytes} bytes, more came.`);
      for (let done = 0; done < chunk.length; ) {
        const { bytesWritten } = await file.write(chunk, done, chunk.length - done, total);
        done += bytesWritten;
        total += bytesWritten;
      }
      if (performance.now() - toldMs < tellMs) continue;
      toldMs = performance.now();
      arrived(total);
    }
  } finally {
    await file.close();
    arrived(total);
  }
}

async function* piecesOf(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* bytes;
  } catch (cause) {
    throw new UpdateError('USAGE', 'The upload was cut off; it goes on where it stopped.', { cause });
  }
}

/**
 * Signature, archive, version, hardware: all that an update from a file would ask, before anybody may want one.
 * @throws UpdateError of `verify`
 */
export async function judgeUpload(
  folder: string,
  name: string,
  tools: Resident,
  signal: AbortSignal,
): Promise<NonNullable<UploadView['release']>> {
  const { places, config, newWorker } = tools;
  const { values } = await config();
  const files = uploadFiles(folder, name);
  const version = versionOfPackageName(name)!;
  const worker = newWorker();
  try {
    // Found good once, and cut off before that was known.
    if (!(await exists(files.unverified))) await move(files.verified, files.unverified);
    const release = await verifyTrusted(
      { places, worker, values },
      {
        channel: 'detached',
        path: files.unverified,
        signaturePath: files.signature,
        stagingPath: null,
        reserveBytes: 0,
        version,
        maxUnpackedBytes: values.max_unpacked_bytes,
        maxEntries: values.max_entries,
        // There is no server to ask whose key it was.
        offeredKeyUrl: null,
      },
      { signal },
    );
    // One that failed here before is for the person to decide.
    await judgeRelease(release, { to: version, retry: true, allowDowngrade: false }, values, tools);
    await move(files.unverified, files.verified);
    const { signedBy, sha256, unpackedBytes, hardware, notes } = release;
    const failed_before = (await readQuarantine(places)).find((entry) => entry.sha256 === sha256)?.at ?? null;
    return { signed_by: signedBy, sha256, unpacked_bytes: unpackedBytes, hardware, notes, failed_before };
  } finally {
    worker.close();
  }
}
