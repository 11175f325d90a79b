import { readFile } from 'node:fs/promises';
import { UpdateError } from '../../protocol/errors.ts';

/**
 * The text of a file that was named on the command line.
 * @throws UpdateError NOT_FOUND | NOT_PERMITTED, with the path
 */
export async function readNamedFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new UpdateError('NOT_FOUND', `There is no file ${path}.`, { cause });
    if (code === 'EISDIR') throw new UpdateError('NOT_FOUND', `${path} is a folder, not a file.`, { cause });
    if (code === 'EACCES') throw new UpdateError('NOT_PERMITTED', `This user may not read ${path}.`, { cause });
    throw new UpdateError('INTERNAL', `${path} cannot be read: ${message}.`, { cause });
  }
}
