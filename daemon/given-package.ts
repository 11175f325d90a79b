import { basename } from 'node:path';
import { UpdateError } from '../protocol/errors.ts';
import { versionOfPackageName } from '../protocol/version.ts';
import { exists } from './files.ts';

/**
 * The version of a package that a person names by its path. What is missing is said before an update begins: a slip of
 * who types is no update that failed, after which the box would wait.
 * @throws UpdateError NOT_FOUND, SIGNATURE_MISSING
 */
export async function versionOfGiven(path: string): Promise<number> {
  if (!(await exists(path))) throw new UpdateError('NOT_FOUND', `There is no package at ${path}.`);
  const version = versionOfPackageName(basename(path));
  if (version === undefined) {
    const expected = 'opq-box-update-<version>.tar.bz2 with a version of 9 to 12 digits';
    throw new UpdateError('NOT_FOUND', `Expected a file named ${expected}, found ${basename(path)}.`);
  }
  if (await exists(`${path}.sig`)) return version;
  throw new UpdateError('SIGNATURE_MISSING', `Expected the signature beside the package, at ${path}.sig, found none.`);
}
