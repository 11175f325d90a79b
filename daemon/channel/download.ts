import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { asUpdateError, UpdateError } from '../../protocol/errors.ts';
import { bytesText } from '../../protocol/words.ts';
import { openRegular, readIfThere, remove, syncFolder, write } from '../files.ts';
import { type Answer, get, type Network, unexpectedStatus } from './http.ts';
import { type Patience, patiently } from './retry.ts';

export interface DownloadJob {
  readonly url: string;
  /** Ends in `.unverified`; the ETag that it belongs to lies beside it. */
  readonly path: string;
  /** From the release file; null = the server's word is taken, up to `maxBytes`. */
  readonly sizeBytes: number | null;
  readonly maxBytes: number;
  /** To which the file may grow without going into the reserve of the disk; undefined = that is not known. */
  readonly fitBytes?: number;
  /** A stall window slower than this is a stall; 0 = only one without a single byte is. */
  readonly minBytesPerS: number;
  /** A minute by default, ms. */
  readonly stallWindowMs?: number;
  /** A download that is not done by then is STALLED, however steadily it comes, ms from its begin. */
  readonly longestMs: number;
  readonly network: Network;
  readonly patience: Patience;
}

export interface Downloaded {
  readonly sizeBytes: number;
  /** True: not all bytes came in one answer, so a bad signature may be a bad joint. */
  readonly resumed: boolean;
}

/**
 * Fetches one package to `<file>.unverified`, going on from a partial download.
 * One byte more than announced is SIZE_MISMATCH, before the disk is full; a full disk gets its space back.
 * @throws UpdateError SERVER_UNREACHABLE | SERVER_ERROR | STALLED | SIZE_MISMATCH | NOT_OUR_SERVER | TLS_FAILED |
 *   DISK_FULL | DISK_FAILED
 * @see RFC 9110 section 14 for Range; a server may answer 200 with the whole file.
 */
export async function download(
  job: DownloadJob,
  report: (done: number, total: number | null) => void,
  sleep: (ms: number) => Promise<void>,
): Promise<Downloaded> {
  const file = await openRegular(job.path, constants.O_RDWR | constants.O_CREAT);
  try {
    return await fetchInto(file, job, report, sleep);
  } catch (thrown) {
    const error = asUpdateError(thrown);
    // What cannot be finished must not keep the box from writing anything else.
    if (error.code === 'DISK_FULL') await forgetDownload(job.path);
    throw error;
  } finally {
    await file.close();
  }
}

async function fetchInto(
  file: FileHandle,
  job: DownloadJob,
  report: (done: number, total: number | null) => void,
  sleep: (ms: number) => Promise<void>,
): Promise<Downloaded> {
  let have = (await file.stat()).size;
  let furthest = have;
  let resumed = have > 0;
  const endsAtMs = performance.now() + job.longestMs;
  const attempt = async () => {
    const answer = await request(job, have);
    try {
      const { place, total } = await placeOf(answer, job, have);
      if (place === 'complete') return;
      resumed = place === 'resume';
      if (!resumed) {
        await file.truncate(0);
        have = 0;
      }
      if (place === 'restart') {
        await remove(etagPath(job));
        throw new UpdateError('SERVER_ERROR', `${job.url} could not be resumed; it is fetched from its beginning.`);
      }
      await keepEtag(answer, job);
      for await (const chunk of steadily(answer, job, endsAtMs)) {
        if (have + chunk.length > (total ?? job.maxBytes)) throw tooLong(job, total);
        mustFit(job, have + chunk.length);
        await writeAll(file, chunk, have);
        have += chunk.length;
        report(have, total);
      }
      if (total !== null && have < total) {
        throw new UpdateError('SERVER_UNREACHABLE', `${job.url} was cut off after ${have} of ${total} bytes.`);
      }
    } finally {
      furthest = Math.max(furthest, have);
      answer.end();
    }
  };
  const enough = have > 0 && have === job.sizeBytes;
  // A server that always begins anew, or sends a byte now and then, makes no progress that is worth another try.
  const progress = () => Math.floor(furthest / leastBytes(job));
  if (!enough) await patiently(attempt, progress, { ...job.patience, endsAtMs }, sleep);
  await file.sync();
  await syncFolder(dirname(job.path));
  return { sizeBytes: have, resumed };
}

/** Where the ETag of a partial file is kept: written once an answer, so that a resume is of the same bytes. */
const etagPath = (job: DownloadJob) => `${job.path}.etag`;

export async function forgetDownload(path: string): Promise<void> {
  await remove(path);
  await remove(`${path}.etag`);
}

/** The ETag of what is in the partial file; anything else in its place is as good as none. */
async function knownEtag(job: DownloadJob): Promise<string | undefined> {
  const text = await readIfThere(etagPath(job));
  return text !== undefined && isStrong(text) ? text : undefined;
}

/** @see RFC 9110 section 8.8.3; one that is weak says nothing about bytes. */
const isStrong = (etag: string) => /^"[\x21\x23-\x7e]{0,200}"$/.test(etag);

async function keepEtag(answer: Answer, job: DownloadJob): Promise<void> {
  if (answer.status !== 200) return;
  const etag = answer.header('etag') ?? '';
  if (isStrong(etag)) await write(etagPath(job), etag, 0o600);
  else await remove(etagPath(job));
}

async function request(job: DownloadJob, have: number): Promise<Answer> {
  if (have === 0) return get(job.url, job.network);
  const etag = await knownEtag(job);
  return get(job.url, job.network, { range: `bytes=${have}-`, ...(etag ? { 'if-range': etag } : {}) });
}

interface Place {
  /** What the bytes are: the whole file, what is missing of it, nothing, or something else than asked for. */
  readonly place: 'whole' | 'resume' | 'complete' | 'restart';
  /** Bytes of the whole file, or null when neither the release file nor the server says. */
  readonly total: number | null;
}

/** Judges an answer by its headers alone: what is already here is given up only for something better. */
async function placeOf(answer: Answer, job: DownloadJob, have: number): Promise<Place> {
  const range = answer.header('content-range') ?? '';
  switch (answer.status) {
    case 200: {
      if (/^text\/html/i.test(answer.header('content-type') ?? '')) {
        throw new UpdateError('NOT_OUR_SERVER', `Expected a package from ${job.url}, found a web page.`);
      }
      const length = answer.header('content-length');
      return { place: 'whole', total: checkedTotal(job, length === undefined ? null : Number(length)) };
    }
    case 206: {
      const [, start, all] = /^bytes (\d+)-\d+\/(\d+)$/.exec(range) ?? [];
      const etag = await knownEtag(job);
      const same = (etag ?? answer.header('etag')) === answer.header('etag');
      const fits = all !== undefined && (job.sizeBytes ?? Number(all)) === Number(all);
      if (have === 0 || Number(start) !== have || !same || !fits) return { place: 'restart', total: null };
      return { place: 'resume', total: checkedTotal(job, Number(all)) };
    }
    case 416:
      return { place: range === `bytes */${have}` && job.sizeBytes === null ? 'complete' : 'restart', total: null };
    default:
      throw unexpectedStatus(answer.status, job.url);
  }
}

function checkedTotal(job: DownloadJob, announced: number | null): number | null {
  const total = job.sizeBytes ?? announced;
  if (announced !== null && announced !== total) {
    throw new UpdateError('SIZE_MISMATCH', `${job.url} should have ${total} bytes, the server announces ${announced}.`);
  }
  if (total !== null && total > job.maxBytes) throw tooLong(job, total);
  mustFit(job, total ?? 0);
  return total;
}

function mustFit({ url, fitBytes = Number.POSITIVE_INFINITY }: DownloadJob, bytes: number): void {
  if (bytes <= fitBytes) return;
  const message = `${url} has ${bytesText(bytes)} or more, of which ${bytesText(fitBytes)} fit beside the reserve.`;
  throw new UpdateError('DISK_FULL', message);
}

function tooLong(job: DownloadJob, total: number | null): UpdateError {
  const limit = total === null || total > job.maxBytes ? `max_package_bytes ${job.maxBytes}` : `its ${total} bytes`;
  return new UpdateError('SIZE_MISMATCH', `${job.url} is longer than ${limit}.`);
}

const windowOf = ({ stallWindowMs = 60_000 }: DownloadJob) => stallWindowMs;

/** What must come in a stall window. */
const leastBytes = (job: DownloadJob) => Math.max(1, (job.minBytesPerS * windowOf(job)) / 1000);

/** The chunks of a body, as long as they come fast enough: got's timeouts do not catch a trickle. */
async function* steadily(answer: Answer, job: DownloadJob, endsAtMs: number): AsyncGenerator<Buffer> {
  const windowMs = windowOf(job);
  let got = 0;
  const stalled = (what: string) => answer.end(new UpdateError('STALLED', `${job.url} ${what}.`));
  const watch = setInterval(() => {
    if (got < leastBytes(job)) stalled(`sent ${got} bytes in ${windowMs} ms`);
    if (performance.now() >= endsAtMs) stalled(`is not here after max_download_s, ${job.longestMs / 1000} s`);
    got = 0;
  }, windowMs);
  try {
    for await (const chunk of answer.chunks()) {
      got += chunk.length;
      yield chunk;
    }
  } finally {
    clearInterval(watch);
  }
}

async function writeAll(file: FileHandle, chunk: Buffer, position: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await file.write(chunk, done, chunk.length - done, position + done);
    done += bytesWritten;
  }
}
