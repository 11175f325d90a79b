import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { ArchiveContent, ArchiveEntry } from '../../protocol/archive.ts';
import { oneBzip2Stream } from '../../protocol/bzip2.ts';
import type { ChannelName } from '../../protocol/channel-keys.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { type PublicKey, parsePublicKey } from '../../protocol/keys.ts';
import { decodeSignature, signatureCheck } from '../../protocol/signature.ts';
import { bestDecoder, type Decoder, decode } from '../box/decode.ts';
import { openRegular, readIfThere } from '../files.ts';
import type { ImageProof } from './image.ts';
import { judgeArchive, openStaging, type Staging } from './staging.ts';

export interface VerifyJob {
  readonly channel: ChannelName;
  /** Of the channel `attended` alone. */
  readonly image?: ImageProof | undefined;
  /** The package as downloaded, `.unverified`. */
  readonly path: string;
  readonly signaturePath: string;
  /** SHA-256 that the server told, which nobody signed: good for an explanation. Null or undefined: none. */
  readonly announced?: string | null | undefined;
  readonly keyPems: readonly string[];
  /** Where the channel "tuf" keeps what it has proven. */
  readonly tufDir: string;
  readonly version: number;
  /** Folder that it is unpacked into while it is judged; replaced. Null: it is only judged. */
  readonly stagingPath: string | null;
  /** That stay free beside it. */
  readonly reserveBytes: number;
  readonly maxUnpackedBytes: number;
  readonly maxEntries: number;
  /** Undefined = the best that is installed. */
  readonly decoder?: Decoder;
}

/** Who answers for a package, for people. */
export type Signer = Pick<PublicKey, 'kind' | 'fingerprint'>;

/** A package whose signature held and whose archive was judged whole. Only `verify` makes one. */
export interface VerifiedPackage {
  readonly sha256: string;
  readonly signer: Signer;
  readonly content: ArchiveContent;
  /** The files of the archive that was judged; null when they were not asked for. */
  readonly staged: Staging | null;
  readonly decodedBytes: number;
  /** Stands in for the install_update.sh of the package; null = that one is run. */
  readonly script: string | null;
}

/**
 * Verifies a package: signature first, through one open handle; then the archive, decoded once through the same.
 * @param entries gets the list of what is in it, for who wants it
 * @throws UpdateError SIGNATURE_INVALID, SIGNATURE_MISSING, ARCHIVE_CORRUPT, ARCHIVE_REFUSED, VERSION_MISMATCH,
 *   DISK_FULL
 */
export const verify = (job: VerifyJob, report: Report, entries?: ArchiveEntry[]): Promise<VerifiedPackage> =>
  verifyBy((packed) => verifySignature(packed, job, report), job, entries);

type Report = (done: number, total: number) => void;

/** The same by another proof of where the bytes come from; it reads the open file and says who answers for it. */
export async function verifyBy(
  prove: (packed: FileHandle) => Promise<{ sha256: string; signer: Signer }>,
  job: VerifyJob,
  entries?: ArchiveEntry[],
): Promise<VerifiedPackage> {
  const packed = await openRegular(job.path);
  try {
    const { sha256, signer } = await prove(packed);
    const staged = job.stagingPath === null ? null : openStaging(job.stagingPath, job.reserveBytes);
    try {
      const decoded = decode(packed, job.decoder ?? (await bestDecoder()));
      const { content, decodedBytes } = await judgeArchive(decoded, job.version, job, staged, entries);
      return { sha256, signer, content, staged, decodedBytes, script: null };
    } catch (error) {
      staged?.discard();
      throw error;
    }
  } finally {
    await packed.close();
  }
}

/** Reads the package once: its hash, whether a pinned key signed it, and whether it is one bzip2 stream. */
export async function verifySignature(
  packed: FileHandle,
  { signaturePath, keyPems, announced }: Pick<VerifyJob, 'signaturePath' | 'keyPems' | 'announced'>,
  report: Report = () => {},
): Promise<{ sha256: string; signer: PublicKey }> {
  const text = await readIfThere(signaturePath);
  if (text === undefined) throw new UpdateError('SIGNATURE_MISSING', `There is no signature at ${signaturePath}.`);
  const signature = decodeSignature(text);
  const signatures = signatureCheck(keyPems.map((pem) => parsePublicKey(pem)));
  const { sha256, judgeForm } = await readWhole(packed, signatures.push, report);
  const signer = signatures.signer(signature);
  // The signature speaks first: what is wrong with the form of a forged package is nobody's business.
  if (!signer) {
    const differs = announced && announced !== sha256;
    throw new UpdateError(
      'SIGNATURE_INVALID',
      `None of the ${keyPems.length} pinned keys made the signature of this package.${
        differs
          ? ` Its SHA-256 is ${sha256}, the server announced ${announced}: it was damaged there or on the way.`
          : ''
      }`,
    );
  }
  judgeForm();
  return { sha256, signer };
}

/**
 * Reads a package once.
 * @param push is shown every chunk
 * @returns `judgeForm`: throws ARCHIVE_CORRUPT unless it is one bzip2 stream; to be called once the bytes are trusted
 */
export async function readWhole(packed: FileHandle, push: (chunk: Uint8Array) => void, report: Report = () => {}) {
  const hash = createHash('sha256');
  const whole = oneBzip2Stream();
  let form: unknown;
  const { size } = await packed.stat();
  const buffer = Buffer.allocUnsafe(256 * 1024);
  let done = 0;
  for (;;) {
    // By position: the decoder reads the same handle from its beginning later.
    const { bytesRead } = await packed.read(buffer, 0, buffer.length, done);
    if (bytesRead === 0) break;
    const chunk = buffer.subarray(0, bytesRead);
    hash.update(chunk);
    push(chunk);
    form ??= caught(() => whole.push(chunk));
    done += bytesRead;
    report(done, size);
  }
  const judgeForm = () => {
    form ??= caught(() => whole.end());
    if (form) throw form;
  };
  return { sha256: hash.digest('hex'), sizeBytes: done, judgeForm };
}

function caught(action: () => void): unknown {
  try {
    action();
    return undefined;
  } catch (error) {
    return error;
  }
}
