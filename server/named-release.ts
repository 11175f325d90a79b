import { join } from 'node:path';
import { UpdateError } from '../protocol/errors.ts';
import { maxReleaseFileBytes, parseReleaseFile } from '../protocol/release-file.ts';
import { packageName } from '../protocol/version.ts';
import { openNoFollow } from './send-file.ts';
import type { UpdatesFolder } from './updates-folder.ts';

/**
 * What version.json tells boxes to fetch, held against what they would be given.
 * @returns its version in words
 * @throws UpdateError RELEASE_FILE_INVALID, or the file system's error
 */
export async function namedRelease(folder: UpdatesFolder): Promise<string> {
  const list = await folder.list();
  const bytes = await readSmall(join(folder.dir, 'version.json'));
  if (bytes === undefined) return withoutFile(folder, list.length);
  const { version, size } = parseReleaseFile(bytes);
  const named = list.find((listed) => listed.version === version);
  if (named === undefined) throw wrong(`names ${version}, which is not there`);
  if (!named.signed) throw wrong(`names ${version}, which has no signature`);
  const found = await sizeOf(join(folder.dir, packageName(version)));
  if (size !== undefined && found !== size)
    throw wrong(`says that ${version} has ${size} bytes, the package there has ${found}`);
  const newest = list.findLast(({ signed }) => signed)!.version;
  if (newest !== version) throw wrong(`names ${version}, the newest package with a signature is ${newest}`);
  return String(version);
}

/** Copied in by hand, packages are found by /version. "opq-release publish" leaves its key there, and version.json. */
async function withoutFile({ dir }: UpdatesFolder, packages: number): Promise<string> {
  if (packages === 0) return 'none';
  const key = await openNoFollow(join(dir, 'public_key.pem'));
  await key?.close();
  if (key === undefined) return 'none, boxes ask for /version';
  throw wrong('is missing, and packages are there: publish the newest one again');
}

/** Undefined when there is no such file, as boxes are told; one byte too many is enough to refuse it. */
async function readSmall(path: string): Promise<Buffer | undefined> {
  const file = await openNoFollow(path);
  if (file === undefined) return undefined;
  try {
    if (!(await file.stat()).isFile()) return undefined;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxReleaseFileBytes + 1), { position: 0 });
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  const file = await openNoFollow(path);
  try {
    return (await file?.stat())?.size;
  } finally {
    await file?.close();
  }
}

const wrong = (what: string) => new UpdateError('RELEASE_FILE_INVALID', `The release file ${what}.`);
