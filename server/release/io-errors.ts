import type { ErrorCode } from '../../protocol/error-codes.ts';
import { asUpdateError, UpdateError } from '../../protocol/errors.ts';

/** What the file system says, in words and codes of ours. */
const fileErrors: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ENOENT: ['NOT_FOUND', 'is not there'],
  ENOTDIR: ['NOT_FOUND', 'is not a folder'],
  EISDIR: ['NOT_FOUND', 'is a folder, expected a file'],
  EEXIST: ['USAGE', 'is there already; nothing was overwritten'],
  EACCES: ['NOT_PERMITTED', 'cannot be opened by this user'],
  EPERM: ['NOT_PERMITTED', 'may not be changed by this user'],
};

/** Any thrown value as an UpdateError; a path that a person gave is no surprise, whatever is wrong with it. */
export function asReleaseError(thrown: unknown): UpdateError {
  const { code = '', path, message } = (thrown ?? {}) as NodeJS.ErrnoException;
  const known = thrown instanceof UpdateError ? undefined : fileErrors[code];
  if (known === undefined) return asUpdateError(thrown);
  return new UpdateError(known[0], path === undefined ? message : `${path} ${known[1]}.`, { cause: thrown });
}
