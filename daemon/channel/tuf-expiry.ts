import { errorCodes } from '../../protocol/error-codes.ts';
import { warnDaysAhead } from '../../protocol/tuf.ts';
import { exists } from '../files.ts';
import { keptMetadata, type TufFolder } from './tuf-folder.ts';

/** Until when the metadata that this box has accepted holds, and whether that is soon. */
export async function metadataHolds(folder: TufFolder, nowMs: number): Promise<{ found: string; soon: boolean }> {
  const found: string[] = [];
  let first = Number.POSITIVE_INFINITY;
  for (const role of ['root', 'targets', 'snapshot', 'timestamp'] as const) {
    const kept = (await keptMetadata(folder, role)) as { signed: { version: number; expires: string } } | undefined;
    if (kept === undefined) continue;
    found.push(`${role} ${kept.signed.version} until ${kept.signed.expires.slice(0, 10)}`);
    first = Math.min(first, Date.parse(kept.signed.expires));
  }
  return { found: found.join(', '), soon: first < nowMs + warnDaysAhead * 86_400_000 };
}

/** The same for `doctor`: what there is to do comes with it. */
export async function metadataLook(folder: TufFolder, nowMs: number): Promise<{ found: string; todo?: string }> {
  if (!(await exists(folder.factoryRoot))) {
    return { found: `no root at ${folder.factoryRoot}`, todo: errorCodes.NO_TRUSTED_KEYS.todo };
  }
  const { found, soon } = await metadataHolds(folder, nowMs);
  if (found === '') return { found: 'a root is pinned; no metadata was fetched yet' };
  return { found, ...(soon ? { todo: errorCodes.METADATA_EXPIRED.todo } : {}) };
}
