/** The Update Framework's client workflow, by its library; what is fetched is fetched by our own rules. */
import { Readable } from 'node:stream';
import type { Fetcher, TargetFile, Updater } from 'tuf-js';
import { UpdateError } from '../../protocol/errors.ts';
import { expiresPattern } from '../../protocol/tuf.ts';
import { quote } from '../../protocol/version.ts';
import { getSmall, type Network } from './http.ts';

export interface Reference {
  /** What metadata must not have expired by, ms since the epoch. */
  readonly nowMs: number;
  /** False: nobody has told this box the time, and it may be later than it is. */
  readonly known: boolean;
}

export interface Refreshed {
  /** Undefined = the publisher has no such target. @throws UpdateError as `refresh` does, where trust may be handed on */
  target(name: string): Promise<TargetFile | undefined>;
  /** The bytes of a small one, proven by length and hash. @throws UpdateError METADATA_REFUSED and of the network */
  bytes(target: TargetFile, base: string, maxBytes: number): Promise<Buffer>;
}

/** Whether trust can begin at the root in this folder. */
export async function hasRoot(folder: string): Promise<boolean> {
  try {
    await newUpdater(folder, 'http://127.0.0.1/', {} as Fetcher, 0);
    return true;
  } catch {
    return false; // no file, no JSON, not signed by itself: the next folder may do
  }
}

/** Whether these are the bytes that the targets say. */
export const isTarget = (target: TargetFile, bytes: Buffer | undefined): Promise<boolean> =>
  bytes === undefined
    ? Promise.resolve(false)
    : target.verify(Readable.from([bytes])).then(
        () => true,
        () => false,
      );

/**
 * Brings the metadata in a folder up to date: root by root, then timestamp, snapshot and targets. Each file that was
 * proven is written there at once.
 * @param maxDelegations how many roles a target is looked for in, beside the top one
 * @throws UpdateError METADATA_REFUSED | METADATA_EXPIRED | CLOCK_WRONG, and of the network
 */
export async function refresh(
  folder: string,
  url: string,
  network: Network,
  reference: Reference,
  maxDelegations = 0,
): Promise<Refreshed> {
  const line = await fetcher(network);
  const updater = await newUpdater(folder, url, line, maxDelegations);
  const set = (updater as unknown as Inside).trustedSet;
  // By its own clock, of which a box without a battery has none to speak of.
  set.referenceTime = new Date(reference.nowMs);
  const proven = <T>(asked: Promise<T>): Promise<T> =>
    asked.catch((error) => {
      throw line.fault ?? asTrustError(error, reference);
    });
  await proven(updater.refresh());
  judge(set, maxDelegations);
  return {
    target: (name) => proven(updater.getTargetInfo(name)),
    async bytes(target, base, maxBytes) {
      const address = targetUrl(base, target, set.root.signed.consistentSnapshot);
      if (target.length > maxBytes) throw refused(`${target.path} is announced with ${target.length} bytes`);
      const bytes = await line.downloadBytes(address, target.length);
      await target.verify(Readable.from([bytes])).catch((cause) => {
        throw refused(`${address} is not what the targets say: ${cause.message}`, cause);
      });
      return bytes;
    },
  };
}

/** What of the library is not for everybody: why its version is fixed, and a test looks at it. */
interface Inside {
  readonly trustedSet: {
    referenceTime: Date;
    readonly root: { readonly signed: RootSaid };
    readonly timestamp: Said;
    readonly snapshot: Said;
    readonly targets: Said & { readonly signed: { readonly delegations?: unknown } };
  };
}
interface Said {
  readonly signed: { readonly expires: string };
}
interface RootSaid {
  readonly expires: string;
  readonly consistentSnapshot: boolean;
  readonly roles: Readonly<Record<string, { readonly keyIDs: readonly string[] }>>;
  readonly keys: Readonly<Record<string, { readonly keyVal: { readonly public?: string } }>>;
}

async function newUpdater(
  metadataDir: string,
  metadataBaseUrl: string,
  line: Fetcher,
  maxDelegations: number,
): Promise<Updater> {
  const { Updater } = await import('tuf-js');
  return new Updater({ metadataDir, metadataBaseUrl, fetcher: line, config: { maxDelegations } });
}

/** What the library lets pass, and we do not. @throws UpdateError METADATA_REFUSED */
function judge({ root, timestamp, snapshot, targets }: Inside['trustedSet'], maxDelegations: number): void {
  for (const { signed } of [root, timestamp, snapshot, targets]) {
    // To the library, a time that it cannot read never comes.
    if (!expiresPattern.test(signed.expires)) throw refused(`"expires" is ${quote(signed.expires)}`);
  }
  if (maxDelegations === 0 && targets.signed.delegations !== undefined)
    throw refused('the targets hand their trust on, which is not taken');
  for (const [role, { keyIDs }] of Object.entries(root.signed.roles)) {
    const keys = keyIDs.map((id) => root.signed.keys[id]?.keyVal.public);
    // One key under two names would be two signatures.
    if (new Set(keys).size < keys.length) throw refused(`the role ${role} has a key twice`);
  }
}

/** A target lies under its hash. */
export function targetUrl(base: string, { path, hashes }: TargetFile, prefixed = true): string {
  const slash = path.lastIndexOf('/') + 1;
  const name = prefixed ? `${path.slice(0, slash)}${Object.values(hashes)[0]}.${path.slice(slash)}` : path;
  return new URL(name.split('/').map(encodeURIComponent).join('/'), base.endsWith('/') ? base : `${base}/`).href;
}

interface Line extends Fetcher {
  /** Why the network failed: the library keeps only its words. */
  fault: UpdateError | undefined;
}

async function fetcher(network: Network): Promise<Line> {
  const { DownloadHTTPError } = await import('tuf-js/dist/error.js');
  const line: Line = {
    fault: undefined,
    async downloadBytes(url, maxLength) {
      const bytes = await getSmall(url, network, maxLength).catch((error) => {
        line.fault = error;
        throw error;
      });
      if (bytes) return bytes;
      // How the library learns that there is no newer root.
      if (/\/\d+\.root\.json$/.test(url)) throw new DownloadHTTPError('Not found', 404);
      line.fault = new UpdateError('SERVER_ERROR', `Expected a file at ${url}, found nothing.`);
      throw line.fault;
    },
    downloadFile: () => {
      throw new UpdateError('INTERNAL', 'Packages are not fetched by the library.');
    },
  };
  return line;
}

function asTrustError(error: unknown, { known }: Reference): UpdateError {
  const { message } = error as Error;
  if (!/expired/.test(message)) return refused(message, error);
  if (known)
    return new UpdateError('METADATA_EXPIRED', `The metadata of the server holds no more: ${message}.`, {
      cause: error,
    });
  const why = `By the clock of this box the metadata has expired (${message}), but nobody has told it the time.`;
  return new UpdateError('CLOCK_WRONG', why, { cause: error });
}

const refused = (why: string, cause?: unknown) =>
  new UpdateError('METADATA_REFUSED', `The metadata of the server is not taken: ${why}.`, { cause });
