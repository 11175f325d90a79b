/**
 * Builds on demand. What there is says the component index, which the publisher signed offline; the server builds what
 * is asked of it, and nothing that it answers is believed but that index. The API is that of docs/attended.md, dialect B.
 */
import { sha256Pattern } from '../../protocol/component.ts';
import {
  componentsOf,
  indexFolder,
  indexName,
  indexSignatureName,
  maxIndexBytes,
  releasesOf,
  type VerifiedIndex,
  verifyIndex,
} from '../../protocol/component-index.ts';
import type { ErrorCode } from '../../protocol/error-codes.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { parsePublicKey } from '../../protocol/keys.ts';
import * as s from '../../protocol/schema.ts';
import { maxSignatureBytes } from '../../protocol/signature.ts';
import { packageName, quote, signatureName } from '../../protocol/version.ts';
import type { Progress } from '../../protocol/views.ts';
import type { Offer } from '../facts.ts';
import { writeFileSafely } from '../files.ts';
import type { Asked, Found } from './channel.ts';
import { join } from './detached.ts';
import { get, getSmall, type Network, smallBody, unexpectedStatus } from './http.ts';
import { type Patience, patiently } from './retry.ts';

/** What a component index is judged by. */
export interface IndexTrust {
  /** Pinned keys of releases. */
  readonly keyPems: readonly string[];
  /** Of this box; null = it cannot be told. */
  readonly hardware: string | null;
  /** Seconds since the epoch: it is that late at least. */
  readonly nowS: number;
}

/** The newest release of the index, with all components that this box could have of it. */
export async function latest({ url, network, trust }: Asked): Promise<Found | null> {
  const { index } = await fetchIndex(url, network, trust);
  const hardware = mustKnow(trust.hardware);
  const version = releasesOf(index, hardware).at(-1);
  if (version === undefined) return null;
  const components = [...componentsOf(index, hardware, version).values()].map(
    ({ name, version, requires, conflicts }) => ({ name, version, requires, conflicts }),
  );
  const unknown = { packageUrl: '', signatureUrl: '', sizeBytes: null, sha256: null, notes: null };
  return { ...unknown, version, hardware: [hardware], components };
}

export function mustKnow(hardware: string | null): string {
  if (hardware !== null) return hardware;
  throw new UpdateError('HARDWARE_MISMATCH', 'What hardware this box is cannot be told: set "hardware".');
}

async function fetchIndex(url: string, network: Network, trust: IndexTrust) {
  const keys = trust.keyPems.map((pem) => parsePublicKey(pem));
  for (let tries = 1; ; tries++) {
    const bytes = await getSmall(join(url, `${indexFolder}/${indexName}`), network, maxIndexBytes);
    const sig = await getSmall(join(url, `${indexFolder}/${indexSignatureName}`), network, maxSignatureBytes);
    if (!bytes || !sig)
      throw new UpdateError('NOT_OUR_SERVER', `${url} has no component index: it builds nothing on demand.`);
    const signature = sig.toString('latin1');
    try {
      const index: VerifiedIndex = verifyIndex(bytes, signature, keys, trust.nowS);
      return { bytes, signature, index };
    } catch (error) {
      // A new one may have come between the two.
      if (tries > 1 || !(error instanceof UpdateError) || error.code !== 'SIGNATURE_INVALID') throw error;
    }
  }
}

export interface BuildTask {
  readonly url: string;
  readonly network: Network;
  readonly version: number;
  /** Of the components; none = what an image has when nobody says otherwise. */
  readonly names: readonly string[];
  /** Of this box, as its maker calls it. */
  readonly model: string | null;
  readonly trust: IndexTrust;
  /** Where the index goes that the image is to be proven by; its signature beside it as `.sig`. */
  readonly indexPath: string;
  /** A build that is not done by then is given up, ms. */
  readonly longestMs: number;
  readonly patience: Patience;
}

export type Built = Pick<Offer, 'packageUrl' | 'signatureUrl' | 'sha256'>;

/** How often a build is asked after. */
const lookMs = 2000;
const maxAnswerBytes = 64 * 1024;

const answerSchema = s.object({
  request_hash: s.optional(s.string(s.regex(sha256Pattern))),
  image_hash: s.optional(s.string(s.regex(sha256Pattern))),
  sha256: s.optional(s.string(s.regex(sha256Pattern))),
  error: s.optional(s.string()),
});

/**
 * Has an image built and waits for it; asked again, as after a power cut, the server finds the same one.
 * @throws UpdateError COMPONENTS_CONFLICT | COMPONENT_UNKNOWN | BUILD_FAILED | STALLED, of the network and of the index
 */
export async function requestBuild(
  job: BuildTask,
  report: (progress: Progress) => void,
  sleep: (ms: number) => Promise<void>,
): Promise<Built> {
  const began = performance.now();
  for (let hash: string | undefined; ; ) {
    const { status, answer, place } = await patiently(
      () => ask(job, hash),
      () => 0,
      job.patience,
      sleep,
    );
    if (status === 200) {
      const { bytes, signature } = await fetchIndex(job.url, job.network, job.trust);
      await writeFileSafely(`${job.indexPath}.sig`, signature);
      await writeFileSafely(job.indexPath, bytes.toString());
      return builtOf(job, answer);
    }
    // A server that has forgotten the request is asked anew.
    hash = status === 202 ? answer.request_hash : undefined;
    const passedMs = performance.now() - began;
    if (passedMs > job.longestMs)
      throw new UpdateError('STALLED', `The build is not done after ${job.longestMs / 1000} s.`);
    report({ done: Math.floor(passedMs / 1000), total: null, unit: 'seconds', bytes_per_s: null, text: place });
    await sleep(lookMs);
  }
}

/** A build that is done or under way. @throws UpdateError for anything else */
async function ask(job: BuildTask, hash: string | undefined) {
  const { names, version, model, trust, network } = job;
  const url = join(job.url, `api/upgrade-request${hash === undefined ? '' : `/${hash}`}`);
  const wish = { distro: 'opq', version: String(version), target: mustKnow(trust.hardware), model: model ?? '' };
  const body = JSON.stringify({ ...wish, ...(names.length > 0 ? { packages: names } : {}) });
  const said = await get(url, network, { 'content-type': 'application/json' }, hash === undefined ? body : undefined);
  try {
    const { status } = said;
    const answer = parseAnswer(await smallBody(said, url, network, maxAnswerBytes));
    if (status === 200 || status === 202 || (status === 404 && hash !== undefined)) {
      return {
        status,
        answer,
        place: placeText(said.header('x-imagebuilder-status'), said.header('x-build-queue-position')),
      };
    }
    const code = refusals[status];
    if (code === undefined) throw unexpectedStatus(status, url);
    throw new UpdateError(code, `The server does not build it: ${quote(answer.error ?? `status ${status}`, 300)}.`);
  } finally {
    said.end();
  }
}

const refusals: Readonly<Record<number, ErrorCode>> = {
  404: 'NOT_OUR_SERVER',
  409: 'COMPONENTS_CONFLICT',
  412: 'BUILD_FAILED',
  413: 'BUILD_FAILED',
  422: 'COMPONENT_UNKNOWN',
  500: 'BUILD_FAILED',
  501: 'BUILD_FAILED',
};

function parseAnswer(body: Buffer): s.Output<typeof answerSchema> {
  try {
    return s.parse(answerSchema, JSON.parse(body.toString()));
  } catch {
    return {}; // what a proxy or a portal says; its status decides
  }
}

function placeText(state: string | undefined, position = ''): string {
  if (state !== 'queue') return 'being built';
  return /^[1-9]\d{0,5}$/.test(position) ? `waiting for its build, ${position} come first` : 'its build comes next';
}

/** The address is put together here: what the server says of it is only which image it is. */
function builtOf({ url, version }: BuildTask, { image_hash, sha256 }: s.Output<typeof answerSchema>): Built {
  if (image_hash === undefined || sha256 === undefined) {
    throw new UpdateError('NOT_OUR_SERVER', `${url} says that a build is done, and not of which image.`);
  }
  const folder = `json/${image_hash}`;
  return {
    packageUrl: join(url, `${folder}/${packageName(version)}`),
    signatureUrl: join(url, `${folder}/${signatureName(version)}`),
    sha256,
  };
}
