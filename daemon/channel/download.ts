import { constants } from 'node:fs';
import { type FileHandle, rm, writeFile } from 'node:fs/promises';
import { UpdateError } from '../../protocol/errors.ts';
import { openRegular, readIfThere } from '../files.ts';
import { type Answer, asNetworkError, get, type Network, unexpectedStatus } from './http.ts';
import { type Patience, patiently } from './retry.ts';

export interface DownloadJob {
  readonly url: string;
  /** Ends in `.unverified`; the ETag that it belongs to lies beside it. */
  readonly path: string;
  /** From the release file; null = the server's word is taken, up to `maxBytes`. */
  readonly sizeBytes: number | null;
  readonly maxBytes: number;
  /** A minute slower than this is a stall; 0 = never. */
  readonly minBytesPerS: number;
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
 * One byte more than announced is SIZE_MISMATCH, before the disk is full.
 * @throws UpdateError SERVER_UNREACHABLE | SERVER_ERROR | STALLED | SIZE_MISMATCH | NOT_OUR_SERVER | DISK_FULL
 * @see RFC 9110 section 14 for Range; a server may answer 200 with the whole file.
 */
export async function download(
  job: DownloadJob,
  report: (done: number, total: number | null) => void,
  sleep: (ms: number) => Promise<void>,
): Promise<Downloaded> {
  const file = await openRegular(job.path, constants.O_RDWR | constants.O_CREAT);
  try {
    let have = (await file.stat()).size;
    let joints = have > 0 ? 1 : 0;
    let gained = 0;
    const attempt = async () => {
      const answer = await request(job, have);
      try {
        const place = await placeOf(answer, job, have);
        if (place === 'complete') return;
        if (place !== 'resume') {
          await file.truncate(0);
          have = joints = 0;
        } else if (gained > 0) joints++;
        if (place === 'restart') {
          await rm(etagPath(job), { force: true });
          throw new UpdateError('SERVER_ERROR', `${job.url} could not be resumed; it is fetched from its beginning.`);
        }
        const total = totalOf(answer, job, have);
        for await (const chunk of steadily(answer.body, job)) {
          if (have + chunk.length > (total ?? job.maxBytes)) throw tooLong(job, total);
          await writeAll(file, chunk, have);
          have += chunk.length;
          gained += chunk.length;
          report(have, total);
        }
        if (total !== null && have < total) {
          throw new UpdateError('SERVER_UNREACHABLE', `${job.url} was cut off after ${have} of ${total} bytes.`);
        }
      } catch (error) {
        throw asNetworkError(error, job.url);
      } finally {
        answer.body.destroy();
      }
    };
    const enough = () => have > 0 && have === job.sizeBytes;
    if (!enough()) await patiently(attempt, () => gained, job.patience, sleep);
    await file.sync();
    return { sizeBytes: have, resumed: joints > 0 };
  } finally {
    await file.close();
  }
}

/** Where the ETag of a partial file is kept: written once an answer, so that a resume is of the same bytes. */
const etagPath = (job: DownloadJob) => `${job.path}.etag`;

export async function forgetDownload(path: string): Promise<void> {
  await rm(path, { force: true });
  await rm(`${path}.etag`, { force: true });
}

async function request(job: DownloadJob, have: number): Promise<Answer> {
  if (have === 0) return get(job.url, job.network);
  const etag = await readIfThere(etagPath(job));
  return get(job.url, job.network, { range: `bytes=${have}-`, ...(etag ? { 'if-range': etag } : {}) });
}

/** What the answer's bytes are: the whole file, what is missing of it, nothing, or something else than asked for. */
async function placeOf(
  answer: Answer,
  job: DownloadJob,
  have: number,
): Promise<'whole' | 'resume' | 'complete' | 'restart'> {
  const etag = answer.header('etag');
  const strong = etag?.startsWith('"') ? etag : undefined;
  const range = answer.header('content-range') ?? '';
  switch (answer.status) {
    case 200:
      if (/^text\/html/i.test(answer.header('content-type') ?? '')) {
        throw new UpdateError('NOT_OUR_SERVER', `Expected a package from ${job.url}, found a web page.`);
      }
      if (strong) await writeFile(etagPath(job), strong, { mode: 0o600 });
      else await rm(etagPath(job), { force: true });
      return 'whole';
    case 206: {
      const [, start, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(range) ?? [];
      const known = await readIfThere(etagPath(job));
      const same = (known === undefined || strong === known) && (job.sizeBytes ?? Number(total)) === Number(total);
      return have > 0 && Number(start) === have && same ? 'resume' : 'restart';
    }
    case 416:
      return range === `bytes */${have}` && job.sizeBytes === null ? 'complete' : 'restart';
    default:
      throw unexpectedStatus(answer.status, job.url);
  }
}

/** Bytes of the whole file, or null when neither the release file nor the server says. */
function totalOf(answer: Answer, job: DownloadJob, from: number): number | null {
  const length = answer.header('content-length');
  const announced = length === undefined ? null : from + Number(length);
  const total = job.sizeBytes ?? announced;
  if (announced !== null && announced !== total) {
    throw new UpdateError('SIZE_MISMATCH', `${job.url} should have ${total} bytes, the server announces ${announced}.`);
  }
  if (total !== null && total > job.maxBytes) throw tooLong(job, total);
  return total;
}

function tooLong(job: DownloadJob, total: number | null): UpdateError {
  const limit = total === null || total > job.maxBytes ? `max_package_bytes ${job.maxBytes}` : `its ${total} bytes`;
  return new UpdateError('SIZE_MISMATCH', `${job.url} is longer than ${limit}.`);
}

/** The chunks of a body, as long as they come fast enough: got's timeouts do not catch a trickle. */
async function* steadily(body: Answer['body'], { url, minBytesPerS }: DownloadJob): AsyncGenerator<Buffer> {
  const windowS = 60;
  let got = 0;
  const stalled = () => new UpdateError('STALLED', `${url} sent ${got} bytes in ${windowS} s.`);
  const watch = setInterval(() => {
    if (minBytesPerS > 0 && got < minBytesPerS * windowS) body.destroy(stalled());
    got = 0;
  }, windowS * 1000);
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
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
