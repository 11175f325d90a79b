import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { remove, writeFileSafely } from './files.ts';
import type { Places } from './places.ts';

/**
 * Room on the disk that is taken before a release is on trial, and given up when that has filled it: for the journal of
 * the way back, and by the guard, for its marks (`systemd/guard.sh`).
 */
const spareOf = (snapshot: string): string => join(snapshot, 'spare');

/** Several journals of any length; nothing that a file system could leave out. */
const spareBytes = 128 * 1024;

/** @throws UpdateError DISK_FULL */
export const takeSpare = ({ newSnapshot }: Places): Promise<void> =>
  writeFileSafely(spareOf(newSnapshot), randomBytes(spareBytes));

export const giveSpare = ({ trial }: Places): Promise<void> => remove(spareOf(trial));
