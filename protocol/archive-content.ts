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
 * What makes an archive an update package: its VERSION, a script to install it, and what it says of itself. `begin` is
 * told of every entry once; what it gives, if anything, has to get the bytes of that entry.
 * @throws UpdateError ARCHIVE_REFUSED | VERSION_MISMATCH, from both
 */
export function contentCheck(expectedVersion: number) {
  const read = new Map<string, Buffer>();
  const programs = new Set<string>();
  let script: ArchiveEntry | undefined;
  let entryCount = 0;
  let fileCount = 0;
  let unpackedBytes = 0;
  return {
    begin(entry: ArchiveEntry): ((bytes: Buffer) => void) | undefined {
      const { kind, name, sizeBytes } = entry;
      entryCount++;
      unpackedBytes += sizeBytes;
      if (name === installScriptName) script = entry;
      if (kind === 'file') fileCount++;
      if (kind === 'file' && name.endsWith(`/${updaterProgram}`)) programs.add(name);
      return isRead(entry) ? (bytes) => void read.set(name, bytes) : undefined;
    },
    end(): ArchiveContent {
      mustInstall(script);
      const bytes = read.get(updateJsonName);
      const updateJson = bytes && parseUpdateJson(bytes);
      mustHoldUpdater(programs, updateJson);
      const promised = updateJson?.unpacked_bytes ?? unpackedBytes;
      if (unpackedBytes > promised) {
        throw refused(updateJsonName, `says that the release has ${promised} bytes, found ${unpackedBytes}`);
      }
      const version = versionInside(read.get(versionFileName), expectedVersion);
      return { version, entryCount, fileCount, unpackedBytes, updateJson };
    },
  };
}

/** Whether the content of this entry is to be kept in memory. */
function isRead({ kind, name, sizeBytes }: ArchiveEntry): boolean {
  if (!Object.hasOwn(readFiles, name)) return false;
  const maxBytes = readFiles[name]!;
  if (kind !== 'file') throw refused(name, 'should be a file, found a folder');
  if (sizeBytes > maxBytes) throw refused(name, `should have ${maxBytes} bytes at most, found ${sizeBytes}`);
  return true;
}

function mustInstall(script: ArchiveEntry | undefined): void {
  if (script?.kind === 'file' && script.sizeBytes > 0) return;
  const found = script === undefined ? 'is missing' : script.kind === 'file' ? 'is empty' : 'is a folder';
  throw refused(installScriptName, `${found}; the box would not know how to install the release`);
}

function mustHoldUpdater(programs: ReadonlySet<string>, { updater }: UpdateJson = {}): void {
  if (!updater) return;
  const program = `${updater.path}/${updaterProgram}`;
  if (programs.has(program)) return;
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
