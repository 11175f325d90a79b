import type { ArchiveContent, ArchiveEntry } from './archive.ts';
import { refused } from './archive-errors.ts';
import { UpdateError } from './errors.ts';
import { maxUpdateJsonBytes, parseUpdateJson, type UpdateJson } from './update-json.ts';
import { updaterProgram } from './updater.ts';
import { maxVersionFileBytes, parseReleaseVersion } from './version.ts';

export const versionFileName = 'VERSION';
export const installScriptName = 'install_update.sh';
export const updateJsonName = 'update.json';

/** The files that are read while the archive streams past, with the bytes they may have. */
const readFiles: Readonly<Record<string, number>> = {
  [versionFileName]: maxVersionFileBytes,
  [updateJsonName]: maxUpdateJsonBytes,
};

/**
 * Whether the content of this entry is to be kept in memory.
 * @throws UpdateError ARCHIVE_REFUSED when it should be and is too large or a folder
 */
export function keptContent(name: string | undefined, kind: 'file' | 'folder', sizeBytes: number): boolean {
  if (name === undefined || !Object.hasOwn(readFiles, name)) return false;
  const maxBytes = readFiles[name]!;
  if (kind !== 'file') throw refused(name, 'should be a file, found a folder');
  if (sizeBytes > maxBytes) throw refused(name, `should have ${maxBytes} bytes at most, found ${sizeBytes}`);
  return true;
}

/**
 * What makes an archive an update package: its VERSION, a script to install it, and what it says of itself.
 * @throws UpdateError ARCHIVE_REFUSED | VERSION_MISMATCH
 */
export function packageContent(
  entries: readonly ArchiveEntry[],
  kept: ReadonlyMap<string, Buffer>,
  expectedVersion: number,
): Omit<ArchiveContent, 'entries'> {
  const script = entries.find(({ name }) => name === installScriptName);
  if (script?.kind !== 'file' || script.sizeBytes === 0) {
    const found = script === undefined ? 'is missing' : script.kind === 'file' ? 'is empty' : 'is a folder';
    throw refused(installScriptName, `${found}; the box would not know how to install the release`);
  }
  const bytes = kept.get(updateJsonName);
  const updateJson = bytes && parseUpdateJson(bytes);
  mustHoldUpdater(entries, updateJson);
  const unpackedBytes = entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const promised = updateJson?.unpacked_bytes ?? unpackedBytes;
  if (unpackedBytes > promised) {
    throw refused(updateJsonName, `says that the release has ${promised} bytes, found ${unpackedBytes}`);
  }
  return { version: versionInside(kept.get(versionFileName), expectedVersion), updateJson, unpackedBytes };
}

function mustHoldUpdater(entries: readonly ArchiveEntry[], { updater }: UpdateJson = {}): void {
  if (!updater) return;
  const program = `${updater.path}/${updaterProgram}`;
  if (entries.some(({ name, kind }) => name === program && kind === 'file')) return;
  throw refused(program, 'is missing, though update.json says that the release brings the updater');
}

function versionInside(bytes: Buffer | undefined, expectedVersion: number): number {
  if (bytes === undefined) throw refused(versionFileName, 'is missing');
  const version = parseReleaseVersion(bytes.toString('latin1'));
  if (version === expectedVersion) return version;
  throw new UpdateError(
    'VERSION_MISMATCH',
    `VERSION in the package says ${version}, the release says ${expectedVersion}: not the package that was offered.`,
  );
}
