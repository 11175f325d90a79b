import { UpdateError } from '../protocol/errors.ts';
import type { Tools } from './tools.ts';

/**
 * Refuses to begin what would not fit, the reserve included. Needs on one file system are added up by the caller.
 * @param needs folder to bytes
 * @throws UpdateError DISK_FULL
 */
export async function needSpace(
  { box, config }: Pick<Tools, 'box' | 'config'>,
  needs: Readonly<Record<string, number>>,
) {
  const { reserve_bytes } = (await config()).values;
  for (const [folder, bytes] of Object.entries(needs)) {
    const [needed, free] = [bytes + reserve_bytes, await box.freeBytes(folder)];
    if (free < needed) {
      throw new UpdateError(
        'DISK_FULL',
        `${folder} needs ${mib(needed)} (${mib(reserve_bytes)} of them in reserve), found ${mib(free)} free.`,
      );
    }
  }
}

export const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
