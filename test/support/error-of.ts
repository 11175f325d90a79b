import { UpdateError } from '../../protocol/errors.ts';

/** The code of the UpdateError that this throws; what is no UpdateError fails the test as itself. */
export function errorOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof UpdateError) return error.code;
    throw error;
  }
  return 'no error';
}

/** The same of a promise: the code that it is rejected with. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof UpdateError) return error.code;
    throw error;
  }
  return 'no error';
}
