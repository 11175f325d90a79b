import { readSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ArchiveEntry } from '../../protocol/archive.ts';
import { installScriptName } from '../../protocol/archive-content.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { syncFileSystem } from '../box/sync.ts';
import { atOnce } from '../files.ts';
import type { VerifiedPackage } from './verify.ts';

const folderMode = 0o755;

/**
 * Writes the files of a verified package into a fresh folder. Names, sizes and places come from the reader that
 * judged the archive, so that no second reader can see something else in it.
 * @param folder made anew, private to this user
 * @param top the folder in it that everything goes below
 * @throws UpdateError DISK_FULL, ARCHIVE_CORRUPT when the decoded file has become shorter
 */
export async function unpack(
  { content, decoded, script }: VerifiedPackage,
  folder: string,
  top: string,
  report: (done: number, total: number) => void,
): Promise<void> {
  atOnce.remove(folder);
  atOnce.makeFolder(folder, { recursive: true, mode: 0o700 });
  const base = join(folder, top);
  const buffer = Buffer.allocUnsafe(1024 * 1024);
  // The modes are those of the archive, whatever is usual here. Nothing else runs until it is put back.
  const umask = process.umask(0);
  try {
    atOnce.makeFolder(base, { mode: folderMode });
    let done = 0;
    for (const entry of content.entries) {
      const path = join(base, entry.name);
      // The archive may leave out folders that others are in.
      atOnce.makeFolder(dirname(path), { recursive: true, mode: folderMode });
      if (entry.kind === 'folder') atOnce.makeFolder(path, { mode: entry.mode });
      else if (script !== null && entry.name === installScriptName) writeText(script, path);
      else copyRange(decoded.fd, entry, path, buffer);
      done += entry.kind === 'folder' ? 0 : entry.sizeBytes;
      report(done, content.unpackedBytes);
    }
  } finally {
    process.umask(umask);
  }
  await syncFileSystem(folder);
}

function writeText(text: string, path: string): void {
  const to = atOnce.create(path, 0o755);
  try {
    atOnce.write(to, text);
  } finally {
    atOnce.close(to);
  }
}

function copyRange(from: number, entry: ArchiveEntry, path: string, buffer: Buffer): void {
  const to = atOnce.create(path, entry.mode);
  try {
    for (let done = 0; done < entry.sizeBytes; ) {
      const wanted = Math.min(buffer.length, entry.sizeBytes - done);
      const read = readSync(from, buffer, 0, wanted, entry.offset + done);
      if (read === 0) throw new UpdateError('ARCHIVE_CORRUPT', 'The decoded archive became shorter while it was read.');
      for (let written = 0; written < read; ) written += atOnce.write(to, buffer, written, read - written);
      done += read;
    }
  } finally {
    atOnce.close(to);
  }
}
