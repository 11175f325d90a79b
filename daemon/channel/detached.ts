/**
 * The simple channel: a release file or the endpoints of the old Box Update Server, and a detached signature.
 * Everything that it returns is what the server says; nothing of it is trusted.
 */

import { plainUrl, shownUrl } from '../../protocol/address.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { maxReleaseFileBytes, parseReleaseFile } from '../../protocol/release-file.ts';
import { isReleaseVersion, packageName, quote, signatureName, versionOfPackageName } from '../../protocol/version.ts';
import type { Offer } from '../facts.ts';
import { getSmall, type Network } from './http.ts';

type Offered = Omit<Offer, 'channel' | 'components'>;

export interface Server {
  readonly url: string;
  readonly versionFile: string;
  readonly network: Network;
}

/**
 * The newest release that the server names, or null when it has none.
 * @throws UpdateError of the network, or RELEASE_FILE_INVALID, NOT_OUR_SERVER
 */
export async function latestOffer(server: Server): Promise<Offered | null> {
  const file = await getSmall(join(server.url, server.versionFile), server.network, maxReleaseFileBytes);
  if (file) return offerOfReleaseFile(server.url, file);
  const version = (await fromVersion(server)) ?? (await fromList(server));
  return version === null ? null : offerOfOldServer(server.url, version);
}

function offerOfReleaseFile(base: string, bytes: Buffer): Offered {
  const { version, size, sha256, hardware, notes } = parseReleaseFile(bytes);
  return {
    version,
    // By bare name, so that any web server with the files in one folder will do.
    packageUrl: join(base, packageName(version)),
    signatureUrl: join(base, signatureName(version)),
    sizeBytes: size ?? null,
    sha256: sha256 ?? null,
    hardware: hardware ?? null,
    notes: notes ?? null,
  };
}

const offerOfOldServer = (base: string, version: number): Offered => ({
  version,
  packageUrl: join(base, `update/${version}`),
  signatureUrl: join(base, `update/${version}.sig`),
  sizeBytes: null,
  sha256: null,
  hardware: null,
  notes: null,
});

/** `/version` of the old server: the number as text. Undefined when it has no such address. */
async function fromVersion({ url, network }: Server): Promise<number | undefined> {
  const bytes = await getSmall(join(url, 'version'), network, 1024);
  if (!bytes) return undefined;
  const version = Number(/^\s*([1-9]\d{8,11})\s*$/.exec(bytes.toString('latin1'))?.[1]);
  if (isReleaseVersion(version)) return version;
  throw notOurs(join(url, 'version'), 'a version number', bytes);
}

/** `/ls`, which is all that the old server's documentation promises: package names by newline. */
async function fromList({ url, network }: Server): Promise<number | null> {
  const bytes = await getSmall(join(url, 'ls'), network, 1024 * 1024);
  if (!bytes)
    throw new UpdateError('NOT_OUR_SERVER', `${shownUrl(url)} has neither a release file nor /version nor /ls.`);
  const names = bytes.toString('latin1').split(/\s+/).filter(Boolean);
  const versions = names.flatMap((name) => versionOfPackageName(name) ?? []);
  if (names.length > 0 && versions.length === 0) throw notOurs(join(url, 'ls'), 'names of packages', bytes);
  return versions.length === 0 ? null : Math.max(...versions);
}

const notOurs = (url: string, expected: string, found: Buffer) =>
  new UpdateError('NOT_OUR_SERVER', `Expected ${expected} from ${url}, found ${quote(found.toString('latin1'), 40)}.`);

/** An address below the server's, whether that ends in a slash or not; without the name and password of that. */
export const join = (base: string, name: string): string =>
  plainUrl(new URL(name, base.endsWith('/') ? base : `${base}/`).href);
