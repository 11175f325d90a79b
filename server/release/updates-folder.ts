import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { UpdateError } from '../../protocol/errors.ts';
import type { PublicKey } from '../../protocol/keys.ts';
import { formatReleaseFile, parseReleaseFile, type ReleaseFile } from '../../protocol/release-file.ts';
import { packageName, signatureName, versionOfPackageName } from '../../protocol/version.ts';
import { judgePackage } from './judge-package.ts';
import { digest, signerOf, withPackage } from './package-file.ts';
import { exists, putText, syncFolder } from './put-file.ts';

export const releaseFileName = 'version.json';
export const publicKeyName = 'public_key.pem';

/** Versions with a package and a signature in an updates folder, newest first; whether they hold is not asked. */
export async function versionsIn(folder: string): Promise<number[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const files = new Set(entries.filter((entry) => entry.isFile()).map(({ name }) => name));
  return [...files]
    .map(versionOfPackageName)
    .filter((version) => version !== undefined && files.has(signatureName(version)))
    .map(Number)
    .sort((a, b) => b - a);
}

/**
 * The release that version.json names now; undefined when there is no version.json, or none that a box could read.
 */
export async function namedRelease(folder: string): Promise<ReleaseFile | undefined> {
  try {
    return parseReleaseFile(await readFile(join(folder, releaseFileName)));
  } catch (error) {
    const unreadable = error instanceof UpdateError || (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (unreadable) return undefined;
    throw error;
  }
}

/** Has version.json name this release, or none. It moves last when a release comes and first when one goes. */
export async function nameRelease(folder: string, release: ReleaseFile | undefined): Promise<void> {
  const path = join(folder, releaseFileName);
  if (release === undefined) {
    await rm(path, { force: true });
    await syncFolder(folder);
    return;
  }
  const text = formatReleaseFile(release);
  // What is right already keeps its time, and with it the caches on the way to the boxes.
  if (!(await exists(path)) || (await readFile(path, 'utf8')) !== text) await putText(path, text);
}

/**
 * The first of these versions that one of the keys signed and that a box takes, as version.json names it, and why
 * those before it do not count.
 */
export async function newestSigned(folder: string, newestFirst: readonly number[], keys: readonly PublicKey[]) {
  const passedOver: string[] = [];
  for (const version of newestFirst) {
    try {
      return { newest: await describeRelease(folder, version, keys), passedOver };
    } catch (error) {
      if (!(error instanceof UpdateError)) throw error;
      passedOver.push(`${version}: ${error.code} ${error.message}`);
    }
  }
  return { newest: undefined, passedOver };
}

function describeRelease(folder: string, version: number, keys: readonly PublicKey[]): Promise<ReleaseFile> {
  return withPackage(join(folder, packageName(version)), async (file) => {
    await signerOf(file, keys);
    const { updateJson } = await judgePackage(file.chunks(), version);
    return releaseFileOf({ version, ...(await digest(file)), updateJson });
  });
}

/** What version.json says of a release. @throws UpdateError RELEASE_FILE_INVALID when its notes are too long for it */
export function releaseFileOf(of: {
  readonly version: number;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly updateJson: { readonly hardware?: string[] | undefined; readonly notes?: string | undefined } | undefined;
}): ReleaseFile {
  const release: ReleaseFile = {
    version: of.version,
    package: packageName(of.version),
    signature: signatureName(of.version),
    public_key: publicKeyName,
    size: of.sizeBytes,
    sha256: of.sha256,
    hardware: of.updateJson?.hardware,
    notes: of.updateJson?.notes,
  };
  // Notes within their limit can be too long once they are escaped: better known before anything is published.
  return parseReleaseFile(Buffer.from(formatReleaseFile(release)));
}
