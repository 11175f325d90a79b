/**
 * What is done outside the resident process, so that it stays small and a crash on hostile input costs one try:
 * each row a task, called in a child process (or, in tests, in this one).
 */
import { createWriteStream } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Progress } from '../../protocol/control.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { parsePublicKey } from '../../protocol/keys.ts';
import { maxSignatureBytes } from '../../protocol/signature.ts';
import { latestOffer, type Server } from '../channel/detached.ts';
import { type DownloadJob, download, forgetDownload } from '../channel/download.ts';
import { getSmall, type Network } from '../channel/http.ts';
import type { Offer, VerifiedRelease } from '../facts.ts';
import { openRegular, readIfThere } from '../files.ts';
import { unpack as unpackVerified } from '../package/unpack.ts';
import { type VerifiedPackage, type VerifyJob, verify as verifyPackage, verifySignature } from '../package/verify.ts';

export interface DownloadTask extends DownloadJob {
  readonly signatureUrl: string;
  readonly signaturePath: string;
  readonly keyPems: readonly string[];
}

export interface CopyTask {
  /** A package that a person brought; its signature lies beside it as `.sig`. */
  readonly from: string;
  readonly path: string;
  readonly signaturePath: string;
  readonly maxBytes: number;
}

export interface VerifyTask extends VerifyJob {
  /** Where the server offers its own key: only to say whose signature was refused. Null = nobody to ask. */
  readonly offeredKeyUrl: string | null;
  readonly network: Network;
}

export interface UnpackTask extends VerifyJob {
  readonly folder: string;
  readonly top: string;
}

/** Kept by a worker between `verify` and `unpack`: the open handle is what ties the two together. */
export interface Memory {
  verified: { readonly path: string; readonly version: number; readonly pack: VerifiedPackage } | undefined;
}

type Report = (progress: Progress) => void;
type Task<I, O> = (input: I, report: Report, memory: Memory) => Promise<O>;

export interface Tasks {
  latest: Task<Server, Offer | null>;
  fetchKey: Task<{ url: string; network: Network }, { pem: string }>;
  download: Task<DownloadTask, { sizeBytes: number }>;
  copy: Task<CopyTask, { sizeBytes: number }>;
  verify: Task<VerifyTask, VerifiedRelease>;
  unpack: Task<UnpackTask, { unpackedBytes: number }>;
}

export const tasks: Tasks = {
  latest: (server) => latestOffer(server),

  async fetchKey({ url, network }) {
    const pem = await getSmall(url, network, 16_384);
    if (!pem) throw new UpdateError('NOT_FOUND', `There is no key at ${url}.`);
    parsePublicKey(pem.toString('latin1'), url);
    return { pem: pem.toString('latin1') };
  },

  async download(job, report) {
    const signature = await getSmall(job.signatureUrl, job.network, maxSignatureBytes);
    if (!signature) throw new UpdateError('SIGNATURE_MISSING', `There is no signature at ${job.signatureUrl}.`);
    await writeFile(job.signaturePath, signature, { mode: 0o600 });
    const fetch = () => download(job, byteReport(report), sleep);
    let result = await fetch();
    // A bad signature of a file that came in pieces may be a bad joint: one clean download before it is an attack.
    if (result.resumed && !(await signatureHolds(job))) {
      await forgetDownload(job.path);
      result = await fetch();
    }
    return result;
  },

  async copy({ from, path, signaturePath, maxBytes }, report) {
    const signature = await readIfThere(`${from}.sig`);
    if (signature === undefined)
      throw new UpdateError('SIGNATURE_MISSING', `Expected the signature at ${from}.sig, found nothing.`);
    const source = await openRegular(from).catch((cause) => {
      throw new UpdateError('NOT_FOUND', `The package ${from} cannot be opened: ${cause.message}.`, { cause });
    });
    const { size } = await source.stat();
    if (size > maxBytes) {
      await source.close();
      throw new UpdateError('SIZE_MISMATCH', `${from} has ${size} bytes, more than max_package_bytes ${maxBytes}.`);
    }
    await rm(path, { force: true });
    const told = byteReport(report);
    let done = 0;
    await pipeline(
      source.createReadStream(),
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          done += chunk.length;
          told(done, size);
          yield chunk;
        }
      },
      createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true }),
    );
    await writeFile(signaturePath, signature.slice(0, maxSignatureBytes + 1), { mode: 0o600 });
    return { sizeBytes: size };
  },

  async verify(job, report, memory) {
    const pack = await verifyPackage(job, byteReport(report)).catch((error) => {
      throw error instanceof UpdateError && error.code === 'SIGNATURE_INVALID' ? explain(error, job) : error;
    });
    await memory.verified?.pack.decoded.close();
    memory.verified = { path: job.path, version: job.version, pack };
    const { content, signer, sha256, decodedBytes } = pack;
    const { updateJson = {} } = content;
    return {
      sha256,
      signedBy: `${signer.kind} ${signer.fingerprint}`,
      decodedBytes,
      unpackedBytes: content.unpackedBytes,
      entryCount: content.entries.length,
      hardware: updateJson.hardware ?? null,
      services: updateJson.services ?? [],
      writablePaths: updateJson.writable_paths ?? [],
      notes: updateJson.notes ?? null,
    };
  },

  async unpack(job, report, memory) {
    // After a restart the handle is gone: then the package is verified again, not believed.
    const known = memory.verified?.path === job.path && memory.verified.version === job.version;
    if (!known) memory.verified = { ...job, pack: await verifyPackage(job, () => {}) };
    const { pack } = memory.verified!;
    await unpackVerified(pack, job.folder, job.top, byteReport(report));
    await pack.decoded.close();
    await rm(job.decodedPath, { force: true });
    memory.verified = undefined;
    return { unpackedBytes: pack.content.unpackedBytes };
  },
};

/** A report of bytes with the speed since its first call, at most ten a second. */
function byteReport(report: Report): (done: number, total: number | null) => void {
  let first: { at: number; done: number } | undefined;
  let last = 0;
  return (done, total) => {
    const at = performance.now();
    first ??= { at, done };
    if (at - last < 100 && done !== total) return;
    last = at;
    const seconds = (at - first.at) / 1000;
    const speed = seconds > 0.5 ? Math.round((done - first.done) / seconds) : null;
    report({ done, total, unit: 'bytes', bytes_per_s: speed, text: null });
  };
}

async function signatureHolds(job: DownloadTask): Promise<boolean> {
  const file = await openRegular(job.path);
  try {
    await verifySignature(file, job);
    return true;
  } catch (error) {
    if (error instanceof UpdateError && error.code !== 'DISK_FAILED') return false;
    throw error;
  } finally {
    await file.close();
  }
}

/** Says whose signature was refused, if the server offers the key that made it. */
async function explain(error: UpdateError, job: VerifyTask): Promise<UpdateError> {
  if (job.offeredKeyUrl === null) return error;
  try {
    const pem = (await getSmall(job.offeredKeyUrl, job.network, 16_384))?.toString('latin1') ?? '';
    const file = await openRegular(job.path);
    try {
      const { signer } = await verifySignature(file, { ...job, keyPems: [pem] });
      const whose = `${signer.kind} ${signer.fingerprint}`;
      return new UpdateError('SIGNATURE_INVALID', `${error.message} It was made by ${whose}, which the server offers.`);
    } finally {
      await file.close();
    }
  } catch {
    return error; // the server offers no key, or one that did not make it either: nothing to add
  }
}
