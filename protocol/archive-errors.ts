import { UpdateError } from './errors.ts';
import { quote } from './version.ts';

/** The bytes are not one whole tar archive. @param what completes "The archive ..." */
export const corrupt = (what: string, cause?: unknown): UpdateError =>
  new UpdateError('ARCHIVE_CORRUPT', `The archive ${what}.`, { cause });

/** A well-formed archive that holds what a package may not hold. @param rule completes "<entry> in the archive ..." */
export const refused = (entryName: string, rule: string): UpdateError =>
  new UpdateError('ARCHIVE_REFUSED', `${quote(entryName, 255)} in the archive ${rule}.`);
