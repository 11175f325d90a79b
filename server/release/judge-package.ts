import { judgeArchive, type Staging } from '../../daemon/package/staging.ts';
import { undoablePaths } from '../../daemon/writable.ts';
import { type ArchiveContent, type ArchiveEntry, defaultArchiveLimits } from '../../protocol/archive.ts';
import { oneBzip2Stream } from '../../protocol/bzip2.ts';
import { judgeConfig } from '../../protocol/config.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { unpacked } from './bzip2.ts';
import { tap } from './chunks.ts';

/** What a box downloads unless it is configured otherwise (`max_package_bytes`). */
export const maxPackageBytes = 512 * 1024 ** 2;

/**
 * Reads a package as a box does after it has checked the signature.
 * @param chunks the package; the reader may stop early when it is refused
 * @param version that the file name says
 * @param staged gets its files; counts for nothing before the end
 * @param entries gets the list of them, likewise
 * @throws UpdateError ARCHIVE_CORRUPT | ARCHIVE_REFUSED | VERSION_MISMATCH | PATH_NOT_UNDOABLE
 */
export async function judgePackage(
  chunks: AsyncIterable<Uint8Array>,
  version: number,
  staged: Staging | null = null,
  entries?: ArchiveEntry[],
): Promise<ArchiveContent> {
  const stream = oneBzip2Stream();
  const size = sizeCheck();
  const watched = tap(chunks, (chunk) => {
    size(chunk);
    stream.push(chunk);
  });
  const { content } = await judgeArchive(unpacked(watched), version, defaultArchiveLimits, staged, entries);
  stream.end();
  return undoable(content);
}

/**
 * What a box can put back. One with folders of its own in its configuration may refuse more.
 * @throws UpdateError PATH_NOT_UNDOABLE
 */
export function undoable(content: ArchiveContent): ArchiveContent {
  undoablePaths(judgeConfig({}).values, content.updateJson?.writable_paths ?? []);
  return content;
}

/** Called with every chunk of a package; throws when a box would not download so much. */
export function sizeCheck(): (chunk: Uint8Array) => void {
  let bytes = 0;
  return (chunk) => {
    bytes += chunk.length;
    if (bytes > maxPackageBytes) {
      throw new UpdateError('ARCHIVE_REFUSED', `The package is over the limit of ${maxPackageBytes} bytes.`);
    }
  };
}
