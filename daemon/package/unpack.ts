import { join } from 'node:path';
import { installScriptName } from '../../protocol/archive-content.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { syncFileSystem } from '../box/sync.ts';
import { renameSafely } from '../files.ts';
import { atOnce } from '../files-at-once.ts';
import type { VerifiedPackage } from './verify.ts';

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
  await syncFileSystem(folder);
  await renameSafely(staged.path, join(folder, top));
}
