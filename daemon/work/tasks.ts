/**
 * What is done outside the resident process, so that it stays small and a crash on hostile input costs one try:
 * each row a task, called in a child process (or, in tests, in this one).
 */
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { asUpdateError, UpdateError } from '../../protocol/errors.ts';
import { type Link, maxKeyChainBytes, parseKeyChain } from '../../protocol/key-chain.ts';
import { parsePublicKey } from '../../protocol/keys.ts';
import type { Progress } from '../../protocol/views.ts';
import { type Machine, readMachine } from '../box/machine.ts';
import { type BuildTask, type Built, requestBuild } from '../channel/attended.ts';
import { type Asked, channels } from '../channel/channel.ts';
import { type DownloadJob, download, forgetDownload } from '../channel/download.ts';
import { getSmall, type Network } from '../channel/http.ts';
import type { Offer, VerifiedRelease } from '../facts.ts';
import { create, openRegular, remove, writeFileSafely } from '../files.ts';
import { unpack as unpackVerified } from '../package/unpack.ts';
import type { VerifiedPackage, VerifyJob } from '../package/verify.ts';
import { explain, fetchSignature, readSignature, signatureHolds } from './signatures.ts';

export interface DownloadTask extends DownloadJob {
  /** Null: it has none, and its hash is what was proven. */
  readonly signatureUrl: string | null;
  readonly sha256: string | null;
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

/** Kept by a worker between `verify` and `unpack`: it has made what is then used. */
export interface Memory {
  verified:
    | { readonly stagingPath: string | null; readonly version: number; readonly pack: VerifiedPackage }
    | undefined;
}

type Report = (progress: Progress) => void;
type Task<I, O> = (input: I, report: Report, memory: Memory) => Promise<O>;

export interface Tasks {
  latest: Task<Asked, Offer | null>;
  build: Task<BuildTask, Built>;
  machine: Task<Record<string, never>, Machine>;
  fetchKey: Task<{ url: string; network: Network }, { pem: string }>;
  fetchKeyLinks: Task<{ url: string; network: Network }, { links: readonly Link[] }>;
  download: Task<DownloadTask, { sizeBytes: number }>;
  copy: Task<CopyTask, { sizeBytes: number }>;
  verify: Task<VerifyTask, VerifiedRelease>;
  unpack: Task<UnpackTask, { unpackedBytes: number }>;
}

export const tasks: Tasks = {
  async latest(asked) {
    const { channel } = asked;
    const offer = await channels[channel].latest(asked);
    return offer && { components: null, ...offer, channel };
  },
  build: (job, report) => requestBuild(job, report, sleep),
  machine: () => readMachine(),

  async fetchKey({ url, network }) {
    const pem = await getSmall(url, network, 16_384);
    if (!pem) throw new UpdateError('NOT_FOUND', `There is no key at ${url}.`);
    parsePublicKey(pem.toString('latin1'), url);
    return { pem: pem.toString('latin1') };
  },

  async fetchKeyLinks({ url, network }) {
    const bytes = await getSmall(url, network, maxKeyChainBytes);
    return { links: bytes ? parseKeyChain(bytes) : [] };
  },

  async download(job, report) {
    if (job.signatureUrl !== null)
      await writeFileSafely(job.signaturePath, await fetchSignature(job, job.signatureUrl));
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
    memory.verified = { stagingPath: job.stagingPath, version: job.version, pack };
    const { content, signer, sha256, decodedBytes } = pack;
    const { updateJson = {} } = content;
    return {
      sha256,
      signedBy: `${signer.kind} ${signer.fingerprint}`,
      decodedBytes,
      unpackedBytes: content.unpackedBytes,
      entryCount: content.entryCount,
      hardware: updateJson.hardware ?? null,
      services: updateJson.services ?? [],
      writablePaths: updateJson.writable_paths ?? [],
      notes: updateJson.notes ?? null,
      components: updateJson.components ?? null,
      updater: updateJson.updater ?? null,
      keyLinks: updateJson.keys ?? [],
    };
  },

  async unpack(job, _report, memory) {
    // After a restart nobody knows what was made: then the package is verified again, not believed.
    const { stagingPath, version } = job;
    const known = memory.verified?.stagingPath === stagingPath && memory.verified.version === version;
    if (!known) {
      await forget(memory);
      memory.verified = { stagingPath, version, pack: await channels[job.channel].verify(job, () => {}) };
    }
    const { pack } = memory.verified!;
    if (pack.sha256 !== job.sha256) {
      throw new UpdateError('SIGNATURE_INVALID', `${job.path} is another package than the one that was verified.`);
    }
    await unpackVerified(pack, job.folder, job.top);
    await forget(memory);
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
  memory.verified?.pack.staged?.close();
  memory.verified = undefined;
}
