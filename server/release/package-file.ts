import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { UpdateError } from '../../protocol/errors.ts';
import type { PublicKey } from '../../protocol/keys.ts';
import { decodeSignature, maxSignatureBytes, signatureCheck } from '../../protocol/signature.ts';
import { quote, versionOfPackageName } from '../../protocol/version.ts';
import { chunksOf } from './chunks.ts';

/** @throws UpdateError USAGE when a file is not named as a package */
export function versionOfPackage(path: string): number {
  const version = versionOfPackageName(basename(path));
  if (version !== undefined) return version;
  throw new UpdateError(
    'USAGE',
    `A package is named opq-box-update-<VERSION>.tar.bz2, found ${quote(basename(path))}; its name is part of it.`,
  );
}

/**
 * Opens a package for as long as `work` takes, which may read it more than once through the one handle.
 * @throws UpdateError NOT_FOUND when it is not a regular file
 */
export async function withPackage<T>(path: string, work: (file: PackageFile) => Promise<T>): Promise<T> {
  // Without O_NONBLOCK opening a FIFO waits for ever.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await handle.stat()).isFile()) throw new UpdateError('NOT_FOUND', `${path} is not a file.`);
    return await work({ path, chunks: () => chunksOf(handle) });
  } finally {
    await handle.close();
  }
}

export interface PackageFile {
  readonly path: string;
  /** Its bytes from the first. */
  chunks(): AsyncIterable<Buffer>;
}

/** Bytes and SHA-256 (hex) of a package. */
export async function digest(file: PackageFile): Promise<{ sizeBytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of file.chunks()) {
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  return { sizeBytes, sha256: hash.digest('hex') };
}

/**
 * The one of these keys that made the signature beside a package.
 * @throws UpdateError SIGNATURE_MISSING | SIGNATURE_INVALID
 */
export async function signerOf(file: PackageFile, keys: readonly PublicKey[]): Promise<PublicKey> {
  const signature = await readSignature(`${file.path}.sig`);
  const check = signatureCheck(keys);
  for await (const chunk of file.chunks()) check.push(chunk);
  const signer = check.signer(signature);
  if (signer) return signer;
  const known = keys.map(({ fingerprint }) => fingerprint).join(', ');
  throw new UpdateError('SIGNATURE_INVALID', `${file.path}.sig is not the signature of this package by ${known}.`);
}

async function readSignature(path: string): Promise<Buffer> {
  let text: string;
  try {
    text = await readFile(path, 'latin1');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    throw new UpdateError('SIGNATURE_MISSING', `${path} is not there.`, { cause });
  }
  if (text.length <= maxSignatureBytes) return decodeSignature(text);
  throw new UpdateError('SIGNATURE_INVALID', `${path} is too long for a signature.`);
}
