import { fstatSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ArchiveEntry, ArchiveSink } from '../../protocol/archive.ts';
import { installScriptName } from '../../protocol/archive-content.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { syncFileSystem } from '../box/sync.ts';
import { atOnce } from '../files.ts';
import type { VerifiedPackage } from './verify.ts';

const folderMode = 0o755;

/** What a verified package is unpacked into while it is judged: private, and worth nothing before it is accepted. */
export interface Staging extends ArchiveSink {
  readonly path: string;
  /** Runs a piece of the judgement with the modes of the archive, whatever is usual here. */
  during(judge: () => void): void;
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
 * Makes the folder anew, private to this user. What is written to it is not synced: see `unpack`.
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
    during(judge) {
      // Nothing else runs until it is put back.
      const before = process.umask(0);
      try {
        judge();
      } finally {
        process.umask(before);
      }
    },
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
 * Moves what was unpacked while it was judged to where it is used. Names and places came from the reader that judged the
 * archive, so that no second reader can see something else in it.
 * @param folder made anew, private to this user
 * @param top the folder in it that everything is below
 * @throws UpdateError DISK_FULL, ARCHIVE_CORRUPT when something else lies in the place of what was judged
 */
export async function unpack({ staged, script }: VerifiedPackage, folder: string, top: string): Promise<void> {
  if (staged === null || !staged.isOurs()) {
    throw new UpdateError('ARCHIVE_CORRUPT', 'What was unpacked while it was judged is not there any more.');
  }
  if (script !== null) staged.replace(installScriptName, script, 0o755);
  atOnce.remove(folder);
  atOnce.makeFolder(folder, { recursive: true, mode: 0o700 });
  atOnce.rename(staged.path, join(folder, top));
  await syncFileSystem(folder);
}
