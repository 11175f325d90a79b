/**
 * What is done outside the resident process, so that it stays small and a crash on hostile input costs one try:
 * each row a task, called in a child process (or, in tests, in this one).
 */
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChannelName } from '../../protocol/channel-keys.ts';
import { asUpdateError, UpdateError } from '../../protocol/errors.ts';
import { parsePublicKey } from '../../protocol/keys.ts';
import { maxSignatureBytes } from '../../protocol/signature.ts';
import type { Progress } from '../../protocol/views.ts';
import { type Machine, readMachine } from '../box/machine.ts';
import { channels } from '../channel/channel.ts';
import type { Server } from '../channel/detached.ts';
import { type DownloadJob, download, forgetDownload } from '../channel/download.ts';
import { getSmall, type Network } from '../channel/http.ts';
import { patiently } from '../channel/retry.ts';
import type { Offer, VerifiedRelease } from '../facts.ts';
import { create, openRegular, remove, writeFileSafely } from '../files.ts';
import { unpack as unpackVerified } from '../package/unpack.ts';
import { type VerifiedPackage, type VerifyJob, verifySignature } from '../package/verify.ts';

export interface LatestTask extends Server {
  readonly channel: ChannelName;
}

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
  /** Of the package that was verified and judged: another one is not unpacked, however well it is signed. */
  readonly sha256: string;
  readonly folder: string;
  readonly top: string;
}

/** Kept by a worker between `verify` and `unpack`: the open handle is what ties the two together. */
export interface Memory {
  verified: { readonly decodedPath: string; readonly version: number; readonly pack: VerifiedPackage } | undefined;
}

type Report = (progress: Progress) => void;
type Task<I, O> = (input: I, report: Report, memory: Memory) => Promise<O>;

export interface Tasks {
  latest: Task<LatestTask, Offer | null>;
  machine: Task<Record<string, never>, Machine>;
  fetchKey: Task<{ url: string; network: Network }, { pem: string }>;
  download: Task<DownloadTask, { sizeBytes: number }>;
  copy: Task<CopyTask, { sizeBytes: number }>;
  verify: Task<VerifyTask, VerifiedRelease>;
  unpack: Task<UnpackTask, { unpackedBytes: number }>;
}

export const tasks: Tasks = {
  async latest({ channel, ...server }) {
    const offer = await channels[channel].latest(server);
    return offer && { ...offer, channel };
  },
  machine: () => readMachine(),

  async fetchKey({ url, network }) {
    const pem = await getSmall(url, network, 16_384);
    if (!pem) throw new UpdateError('NOT_FOUND', `There is no key at ${url}.`);
    parsePublicKey(pem.toString('latin1'), url);
    return { pem: pem.toString('latin1') };
  },

  async download(job, report) {
    await writeFileSafely(job.signaturePath, await fetchSignature(job));
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
    const source = await openRegular(from).catch((cause) => {
      throw new UpdateError('NOT_FOUND', `The package ${from} cannot be opened: ${cause.message}.`, { cause });
    });
    const signature = await readSignature(`${from}.sig`).catch(async (error) => {
      await source.close();
      throw error;
    });
    const { size } = await source.stat();
    if (size > maxBytes) {
      await source.close();
      throw new UpdateError('SIZE_MISMATCH', `${from} has ${size} bytes, more than max_package_bytes ${maxBytes}.`);
    }
    await remove(path);
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
      (await create(path)).createWriteStream({ flush: true }),
    ).catch(async (error) => {
      // Half a package is of no use, and on a full disk it is in the way.
      await remove(path);
      throw asUpdateError(error);
    });
    await writeFileSafely(signaturePath, signature);
    return { sizeBytes: done };
  },

  async verify(job, report, memory) {
    await forget(memory);
    const pack = await channels[job.channel].verify(job, byteReport(report)).catch(async (error) => {
      throw error instanceof UpdateError && error.code === 'SIGNATURE_INVALID' ? await explain(error, job) : error;
    });
    memory.verified = { decodedPath: job.decodedPath, version: job.version, pack };
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
      updater: updateJson.updater ?? null,
    };
  },

  async unpack(job, report, memory) {
    // After a restart the handle is gone: then the package is verified again, not believed.
    const { decodedPath, version } = job;
    const known = memory.verified?.decodedPath === decodedPath && memory.verified.version === version;
    if (!known) {
      await forget(memory);
      memory.verified = { decodedPath, version, pack: await channels[job.channel].verify(job, () => {}) };
    }
    const { pack } = memory.verified!;
    if (pack.sha256 !== job.sha256) {
      throw new UpdateError('SIGNATURE_INVALID', `${job.path} is another package than the one that was verified.`);
    }
    await unpackVerified(pack, job.folder, job.top, byteReport(report));
    await forget(memory);
    await remove(job.decodedPath);
    return { unpackedBytes: pack.content.unpackedBytes };
  },
};

/** A report of bytes with the speed since its first call, at most ten a second. */
function byteReport(report: Report): (done: number, total: number | null) => void {
  let first: { at: number; done: number } | undefined;
  let last = 0;
  return (done, total) => {
    const at = performance.now();
    // Less than before: it was begun again.
    if (!first || done < first.done) first = { at, done };
    if (at - last < 100 && done !== total) return;
    last = at;
    const seconds = (at - first.at) / 1000;
    const speed = seconds > 0.5 ? Math.round((done - first.done) / seconds) : null;
    report({ done, total, unit: 'bytes', bytes_per_s: speed, text: null });
  };
}

async function forget(memory: Memory): Promise<void> {
  await memory.verified?.pack.decoded.close();
  memory.verified = undefined;
}

async function fetchSignature({ signatureUrl, network, patience }: DownloadTask): Promise<string> {
  const fetch = () => getSmall(signatureUrl, network, maxSignatureBytes);
  const signature = await patiently(fetch, () => 0, patience, sleep);
  if (!signature) throw new UpdateError('SIGNATURE_MISSING', `There is no signature at ${signatureUrl}.`);
  const text = signature.toString('latin1');
  if (/^\s*</.test(text)) {
    throw new UpdateError('NOT_OUR_SERVER', `Expected a signature from ${signatureUrl}, found a web page.`);
  }
  return text;
}

/** The signature beside a package that a person brought; of a larger file one byte too many, which refuses it. */
async function readSignature(path: string): Promise<string> {
  const file = await openRegular(path).catch((cause) => {
    const message = `Expected the signature at ${path}, found none that can be read: ${cause.message}.`;
    throw new UpdateError('SIGNATURE_MISSING', message, { cause });
  });
  try {
    const buffer = Buffer.alloc(maxSignatureBytes + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
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
