import {
  compareVersions,
  componentNamePattern,
  componentVersionPattern,
  hardwarePattern,
  sha256Pattern,
} from './component.ts';
import { UpdateError } from './errors.ts';
import type { PublicKey } from './keys.ts';
import * as s from './schema.ts';
import { decodeSignature, signatureCheck } from './signature.ts';
import { isReleaseVersion } from './version.ts';

/**
 * The component index: which components there are, as the publisher signed it offline. A box trusts the key of a builder
 * only to put components of this list together; what is not in it does not get in, whoever signed the image.
 */
export const indexName = 'index.json';
export const indexSignatureName = 'index.json.sig';

/** Where a server of builds on demand has the two: in this folder, as the store has them. */
export const indexFolder = 'components';

export const maxIndexBytes = 4 * 1024 ** 2;

const name = s.string(s.regex(componentNamePattern));

const entrySchema = s.strictObject({
  name,
  version: s.string(s.regex(componentVersionPattern)),
  /** The first release that the component belongs to; later ones have it too, until a newer one takes its place. */
  release: s.number(s.check(isReleaseVersion, 'expected seconds since the epoch, 9 to 12 digits')),
  hardware: s.array(s.string(s.regex(hardwarePattern)), s.minLength(1), s.maxLength(64)),
  /** Digest of its tree. */
  sha256: s.string(s.regex(sha256Pattern)),
  /** Bytes of all its files together. */
  size: s.int(s.minValue(0)),
  /** Components that have to be in the same image, and those that must not. */
  requires: s.array(name, s.maxLength(64)),
  conflicts: s.array(name, s.maxLength(64)),
});

const indexSchema = s.strictObject({
  format: s.literal(1),
  /** Seconds since the epoch; later nothing of it is trusted. */
  expires: s.int(s.minValue(1)),
  components: s.array(entrySchema, s.maxLength(10_000)),
});

export type Component = s.Output<typeof entrySchema>;
export type ComponentIndex = s.Output<typeof indexSchema>;

/** An index whose signature held and that had not expired: made by `verifyIndex` alone. */
export interface VerifiedIndex extends ComponentIndex {
  readonly signer: PublicKey;
}

/**
 * Proves an index: signed by one of these keys, not expired, and written as it should be.
 * @param nowS seconds since the epoch, as far as the reader knows
 * @throws UpdateError SIGNATURE_INVALID | INDEX_EXPIRED | COMPONENT_REFUSED
 */
export function verifyIndex(
  bytes: Uint8Array,
  signature: string,
  keys: readonly PublicKey[],
  nowS: number,
): VerifiedIndex {
  const check = signatureCheck(keys);
  check.push(bytes);
  const signer = check.signer(decodeSignature(signature));
  if (!signer) {
    const known = keys.map(({ fingerprint }) => fingerprint).join(', ');
    throw new UpdateError('SIGNATURE_INVALID', `The component index is not signed by ${known || 'any pinned key'}.`);
  }
  const index = parseIndex(bytes);
  if (index.expires > nowS) return { ...index, signer };
  throw new UpdateError('INDEX_EXPIRED', `The component index held until ${index.expires}, it is ${nowS} now.`);
}

/** Reads an index, whoever wrote it. @throws UpdateError COMPONENT_REFUSED */
export function parseIndex(bytes: Uint8Array): ComponentIndex {
  if (bytes.length > maxIndexBytes) throw refused(`is longer than ${maxIndexBytes} bytes`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw refused('is not JSON', cause);
  }
  const result = s.judge(indexSchema, json);
  if (result.success) return result.data;
  throw refused(s.misshapen(result));
}

/** The text that is signed: the same for the same components, in whatever order they came. */
export function formatIndex(index: ComponentIndex): string {
  const components = [...index.components].sort(inOrder).map((entry) => ({
    ...pick(entry),
    hardware: [...new Set(entry.hardware)].sort(),
    requires: [...new Set(entry.requires)].sort(),
    conflicts: [...new Set(entry.conflicts)].sort(),
  }));
  return `${JSON.stringify({ format: 1, expires: index.expires, components }, null, 2)}\n`;
}

/** Key order of the text. */
const pick = ({ name, version, release, sha256, size }: Component) => ({ name, version, release, sha256, size });

const inOrder = (a: Component, b: Component): number =>
  (a.name < b.name ? -1 : a.name > b.name ? 1 : 0) ||
  a.release - b.release ||
  compareVersions(a.version, b.version) ||
  (a.sha256 < b.sha256 ? -1 : 1);

/** What a hardware has in one release: name to the newest of its components that the release has. */
export function componentsOf(index: ComponentIndex, hardware: string, release: number): ReadonlyMap<string, Component> {
  const found = new Map<string, Component>();
  for (const entry of index.components) {
    if (entry.release > release || !entry.hardware.includes(hardware)) continue;
    const other = found.get(entry.name);
    if (other === undefined || isAfter(entry, other)) found.set(entry.name, entry);
  }
  return found;
}

/** Of two of one name: the newer version, then the later release; the digest decides between equals. */
const isAfter = (a: Component, b: Component): boolean =>
  (compareVersions(a.version, b.version) || a.release - b.release || (a.sha256 > b.sha256 ? 1 : -1)) > 0;

/** The releases that an index knows for a hardware, oldest first. */
export const releasesOf = (index: ComponentIndex, hardware: string): number[] =>
  [
    ...new Set(index.components.filter((entry) => entry.hardware.includes(hardware)).map(({ release }) => release)),
  ].sort((a, b) => a - b);

const refused = (what: string, cause?: unknown) =>
  new UpdateError('COMPONENT_REFUSED', `The component index ${what}.`, { cause });
