import { fstatSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  type ArchiveContent,
  type ArchiveEntry,
  type ArchiveLimits,
  type ArchiveSink,
  listing,
  readArchive,
} from '../../protocol/archive.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { atOnce } from '../files-at-once.ts';

const folderMode = 0o755;

/** What a verified package is unpacked into while it is judged: private, and worth nothing before it is accepted. */
export interface Staging extends ArchiveSink {
  readonly path: string;
  /** Once the archive was judged whole. */
  complete(): void;
  /** Puts this in the place of a file of it. */
  replace(name: string, text: string, mode: number): void;
  /** True while the folder at `path` is the one that was made here. */
  isOurs(): boolean;
  /** Gives up what is held open; the folder stays. */
  close(): void;
  /** The same, and removes the folder. */
  discard(): void;
}

/** What a file or folder takes at least, however small. */
const blockBytes = 4096;

/**
 * Makes the folder anew, private to this user. What is written to it is not synced: see `unpack.ts`.
 * @param reserveBytes that stay free where it lies: services go on measuring meanwhile
 * @throws UpdateError DISK_FULL here, and in `begin` and `content`
 */
export function openStaging(path: string, reserveBytes: number): Staging {
  atOnce.remove(path);
  const { bavail, bsize } = statfsSync(dirname(path));
  let room = bavail * bsize - reserveBytes;
  const take = (bytes: number) => {
    room -= bytes;
    if (room >= 0) return;
    const message = `The release needs more than is free in ${dirname(path)} with ${reserveBytes} bytes in reserve.`;
    throw new UpdateError('DISK_FULL', message);
  };
  atOnce.makeFolder(path, { mode: 0o700 });
  // While this is open, its number belongs to no other folder.
  const held = atOnce.openToRead(path);
  const made = new Set<string>([path]);
  const folders: (readonly [path: string, mode: number])[] = [];
  let file: number | undefined;
  let open = true;

  /** An archive may leave out folders that others are in. */
  function makeParents(folder: string): void {
    if (made.has(folder)) return;
    makeParents(dirname(folder));
    atOnce.makeFolder(folder, { mode: folderMode });
    made.add(folder);
  }
  const endFile = () => {
    if (file !== undefined) atOnce.close(file);
    file = undefined;
  };
  const close = () => {
    endFile();
    if (open) atOnce.close(held);
    open = false;
  };

  return {
    path,
    begin({ kind, name, mode }: ArchiveEntry) {
      take(blockBytes);
      const place = join(path, name);
      makeParents(kind === 'folder' ? place : dirname(place));
      if (kind === 'folder') folders.push([place, mode]);
      else file = atOnce.create(place, mode);
    },
    content(bytes) {
      take(bytes.length);
      for (let done = 0; done < bytes.length; ) done += atOnce.write(file!, bytes, done);
    },
    end: endFile,
    complete() {
      // Last, as one that nobody else may look into is still being filled until now.
      for (const [folder, mode] of folders) atOnce.setMode(folder, mode);
      atOnce.setMode(path, folderMode);
    },
    replace(name, text, mode) {
      atOnce.remove(join(path, name));
      const to = atOnce.create(join(path, name), mode);
      try {
        atOnce.write(to, text);
      } finally {
        atOnce.close(to);
      }
    },
    isOurs() {
      const found = atOnce.look(path);
      const ours = fstatSync(held);
      return found?.isDirectory() === true && found.ino === ours.ino && found.dev === ours.dev;
    },
    close,
    discard() {
      close();
      atOnce.remove(path);
    },
  };
}

/**
 * Judges a decoded archive while it arrives; each entry is written as soon as it is judged.
 * @param staged null = it is only judged
 * @param entries gets the list of them, for who wants it
 * @throws UpdateError ARCHIVE_CORRUPT | ARCHIVE_REFUSED | VERSION_MISMATCH | DISK_FULL; what is staged is the caller's to discard
 */
export async function judgeArchive(
  decoded: AsyncIterable<Uint8Array>,
  version: number,
  limits: ArchiveLimits,
  staged: Staging | null,
  entries?: ArchiveEntry[],
): Promise<{ readonly content: ArchiveContent; readonly decodedBytes: number }> {
  const sink = staged ?? undefined;
  const archive = readArchive(version, limits, entries ? listing(entries, sink) : sink);
  let decodedBytes = 0;
  for await (const chunk of decoded) {
    // The modes are those of the archive, whatever is usual here. Nothing else runs until it is put back.
    const umask = process.umask(0);
    try {
      archive.push(chunk);
    } finally {
      process.umask(umask);
    }
    decodedBytes += chunk.length;
  }
  const content = archive.end();
  staged?.complete();
  return { content, decodedBytes };
}
