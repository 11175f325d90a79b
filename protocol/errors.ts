import { type ErrorCode, errorCodes } from './error-codes.ts';

/** The only error that our code throws on purpose. `message` says what happened, expected against found. */
export class UpdateError extends Error {
  override readonly name = 'UpdateError';

  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }

  /** What a person does about it. */
  get todo(): string {
    return errorCodes[this.code].todo;
  }
}

const diskErrors: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
  EROFS: 'DISK_FAILED',
  EIO: 'DISK_FAILED',
};

/**
 * Any thrown value as an UpdateError. A full or failing disk has its own code wherever it shows; what else was not
 * thrown on purpose becomes INTERNAL. The cause is kept.
 */
export function asUpdateError(thrown: unknown): UpdateError {
  if (thrown instanceof UpdateError) return thrown;
  const disk = diskErrors[String((thrown as NodeJS.ErrnoException | null)?.code)];
  if (disk) return new UpdateError(disk, (thrown as Error).message, { cause: thrown });
  return new UpdateError('INTERNAL', thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
}
