import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { join } from 'node:path';
import type { ArchiveEntry } from '../../protocol/archive.ts';
import { attendedInstallScript, proveImage } from '../../protocol/attended-image.ts';
import { verifyIndex } from '../../protocol/component-index.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { parsePublicKey } from '../../protocol/keys.ts';
import { type IndexTrust, mustKnow } from '../channel/attended.ts';
import { openRegular, readIfThere } from '../files.ts';
import { atOnce } from '../files-at-once.ts';
import { type VerifiedPackage, type VerifyJob, verify } from './verify.ts';

/** What an image that was built on demand has to be proven by, beside the signature of its builder. */
export interface ImageProof {
  /** The component index; its signature is beside it as `.sig`. */
  readonly indexPath: string;
  readonly trust: IndexTrust;
  /** Components that were asked for. */
  readonly wanted: readonly string[];
}

/**
 * Proves an image: signed by a pinned builder, and every component as the signed index has it. The builder vouches for
 * nothing but their choice, so what it says beside them is refused, and the script that installs them is the box's own.
 * @throws UpdateError as `verify` does, BUILDER_UNKNOWN | INDEX_EXPIRED | COMPONENT_REFUSED | HARDWARE_MISMATCH
 */
export async function verifyImage(
  job: VerifyJob,
  report: (done: number, total: number) => void,
): Promise<VerifiedPackage> {
  const proof = job.image;
  if (proof === undefined) throw new UpdateError('INTERNAL', 'There is nothing to prove the image by.');
  const entries: ArchiveEntry[] = [];
  const pack = await verify(job, report, entries).catch(async (error) => {
    throw (await isAsAnnounced(error, job)) ? builderUnknown(error) : error;
  });
  try {
    await prove(pack, entries, proof);
    return { ...pack, script: attendedInstallScript };
  } catch (error) {
    pack.staged?.discard();
    throw error;
  }
}

async function prove(
  { content, staged }: VerifiedPackage,
  entries: readonly ArchiveEntry[],
  { indexPath, trust, wanted }: ImageProof,
): Promise<void> {
  const [bytes, signature] = await Promise.all([readIfThere(indexPath), readIfThere(`${indexPath}.sig`)]);
  if (bytes === undefined || signature === undefined) {
    throw new UpdateError('NOT_FOUND', `The component index ${indexPath} is not there any more.`);
  }
  const keys = trust.keyPems.map((pem) => parsePublicKey(pem));
  const index = verifyIndex(Buffer.from(bytes), signature, keys, trust.nowS);
  if (staged === null) throw new UpdateError('INTERNAL', 'The image was judged without its files.');
  const sha256Of = (name: string) => fileDigest(join(staged.path, name));
  const { components, hasDefaults } = proveImage({ ...content, entries }, sha256Of, index, mustKnow(trust.hardware));
  if (hasDefaults) {
    throw new UpdateError(
      'COMPONENT_REFUSED',
      'The image brings defaults.json, which nobody asked for or vouches for.',
    );
  }
  const missing = wanted.find((name) => !components.some((found) => found.name === name));
  if (missing !== undefined)
    throw new UpdateError('COMPONENT_REFUSED', `The image is without ${missing}, which was asked for.`);
}

function fileDigest(path: string): string {
  const fd = atOnce.openToRead(path);
  try {
    return digestOf(fd);
  } finally {
    atOnce.close(fd);
  }
}

function digestOf(fd: number): string {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(256 * 1024);
  for (let done = 0; ; ) {
    const read = readSync(fd, buffer, 0, buffer.length, done);
    if (read === 0) return hash.digest('hex');
    hash.update(buffer.subarray(0, read));
    done += read;
  }
}

/** A good image of a builder that this box does not know, rather than one that was changed on the way. */
async function isAsAnnounced(error: unknown, { path, announced }: VerifyJob): Promise<boolean> {
  if (!(error instanceof UpdateError) || error.code !== 'SIGNATURE_INVALID' || !announced) return false;
  const file = await openRegular(path);
  try {
    return digestOf(file.fd) === announced;
  } finally {
    await file.close();
  }
}

const builderUnknown = (cause: unknown) =>
  new UpdateError(
    'BUILDER_UNKNOWN',
    'The image is the one that the server announced, and no pinned builder signed it.',
    { cause },
  );
