import { UpdateError } from '../../protocol/errors.ts';

/**
 * Returns when everything written to the file system that holds `path` is on the disk.
 * One call for a whole tree: thousands of single fsyncs take minutes on an SD card.
 * @throws UpdateError DISK_FAILED
 */
export async function syncFileSystem(path: string): Promise<void> {
  const { execa } = await import('execa');
  const { exitCode, stderr } = await execa('sync', ['--file-system', path], { reject: false });
  if (exitCode !== 0) throw new UpdateError('DISK_FAILED', `sync of ${path} failed: ${stderr}`);
}
