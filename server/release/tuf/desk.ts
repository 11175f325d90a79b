/**
 * The publisher's desk: `site/` is what boxes see, `drafts/` what waits for signatures. A draft is one small file that
 * may travel to the machines of its keys and back; nothing else has to.
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Metadata, type MetadataKind, type Root, type Snapshot, type Targets, type Timestamp } from '@tufjs/models';
import { UpdateError } from '../../../protocol/errors.ts';
import { expiresPattern, metadataFolder } from '../../../protocol/tuf.ts';
import { quote } from '../../../protocol/version.ts';
import { exists, putText } from '../put-file.ts';

/** In the order in which they are published: who sees the last one finds all that it leads to. */
export const roleNames = ['root', 'targets', 'snapshot', 'timestamp'] as const;
export type RoleName = (typeof roleNames)[number];

export interface SignedOf {
  root: Root;
  targets: Targets;
  snapshot: Snapshot;
  timestamp: Timestamp;
}
export type MetadataOf<R extends RoleName> = Metadata<SignedOf[R]>;

const siteOf = (desk: string) => join(desk, 'site', metadataFolder);
const draftsOf = (desk: string) => join(desk, 'drafts');

/** Versions stay where they are; only the timestamp has one name for ever. */
const fileName = (role: RoleName, version: number) =>
  role === 'timestamp' ? `${role}.json` : `${version}.${role}.json`;

/** @throws UpdateError METADATA_REFUSED */
export function parseMetadata<R extends RoleName>(role: R, text: string, what: string): MetadataOf<R> {
  try {
    const metadata = Metadata.fromJSON(
      role as unknown as MetadataKind.Root,
      JSON.parse(text),
    ) as unknown as MetadataOf<R>;
    if (expiresPattern.test(metadata.signed.expires)) return metadata;
    throw new TypeError(`expires is ${quote(metadata.signed.expires)}`);
  } catch (cause) {
    throw new UpdateError('METADATA_REFUSED', `${what} is no metadata of ${role}: ${(cause as Error).message}.`, {
      cause,
    });
  }
}

export const formatMetadata = (metadata: Metadata<Root | Targets | Snapshot | Timestamp>): string =>
  `${JSON.stringify(metadata.toJSON(), null, 1)}\n`;

/** The newest of a role in a folder. */
async function newest<R extends RoleName>(folder: string, role: R): Promise<MetadataOf<R> | undefined> {
  const names = (await exists(folder)) ? await readdir(folder) : [];
  const versions = names
    .flatMap((name) => Number(new RegExp(`^(\\d+)\\.${role}\\.json$`).exec(name)?.[1] ?? []))
    .filter(Number.isSafeInteger);
  if (role !== 'timestamp' && versions.length === 0) return undefined;
  const path = join(folder, fileName(role, Math.max(...versions)));
  return (await exists(path)) ? parseMetadata(role, await readFile(path, 'utf8'), path) : undefined;
}

export const published = <R extends RoleName>(desk: string, role: R) => newest(siteOf(desk), role);

/** What waits for signatures. A cut after publishing leaves its draft, a stick may bring an old one back: neither waits. */
export async function drafted<R extends RoleName>(desk: string, role: R): Promise<MetadataOf<R> | undefined> {
  const [draft, now] = await Promise.all([newest(draftsOf(desk), role), published(desk, role)]);
  return draft && draft.signed.version > (now?.signed.version ?? 0) ? draft : undefined;
}

/** @returns its path */
export async function saveDraft(desk: string, role: RoleName, metadata: MetadataOf<RoleName>): Promise<string> {
  const path = join(draftsOf(desk), fileName(role, metadata.signed.version));
  await mkdir(draftsOf(desk), { recursive: true });
  await putText(path, formatMetadata(metadata));
  return path;
}

/** Each whole or not at all; again after a power cut it goes on. */
export async function publishDraft(desk: string, role: RoleName, metadata: MetadataOf<RoleName>): Promise<void> {
  const name = fileName(role, metadata.signed.version);
  await mkdir(siteOf(desk), { recursive: true });
  await putText(join(siteOf(desk), name), formatMetadata(metadata));
  await rm(join(draftsOf(desk), name), { force: true });
}

/** @throws UpdateError NOT_FOUND */
export async function rootOf(
  desk: string,
): Promise<{ root: MetadataOf<'root'>; before: MetadataOf<'root'> | undefined }> {
  const before = await published(desk, 'root');
  const root = (await drafted(desk, 'root')) ?? before;
  if (root === undefined) throw new UpdateError('NOT_FOUND', `${desk} has no root: begin with "opq-release tuf init".`);
  return { root, before };
}

/**
 * The keys of a role that have still to sign; as many as are missing, of all who could. Empty = complete.
 * @param authorities whose word counts: of a new root the one before, and itself
 */
export function missing(
  role: RoleName,
  metadata: MetadataOf<RoleName>,
  authorities: readonly MetadataOf<'root'>[],
): string[] {
  return authorities.flatMap((authority) => {
    try {
      authority.verifyDelegate(role, metadata);
      return [];
    } catch {
      const { keys, roles } = authority.signed;
      return roles[role]!.keyIDs.filter((id) => !holds(() => keys[id]!.verifySignature(metadata)));
    }
  });
}

function holds(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false; // what the library throws for every signature that is missing or wrong
  }
}

/** Whether two say the same, whoever has signed them. */
export const sameContent = (a: MetadataOf<RoleName>, b: MetadataOf<RoleName>): boolean =>
  isDeepStrictEqual(a.signed.toJSON(), b.signed.toJSON());

/** @param days from now @throws UpdateError USAGE */
export function expiryIn(days: string | number, nowS: number): string {
  if (!/^[1-9]\d{0,3}$/.test(String(days)) || Number(days) > 3650) {
    throw new UpdateError('USAGE', `--days is a whole number from 1 to 3650, found ${quote(String(days))}.`);
  }
  return new Date((nowS + Number(days) * 86_400) * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Whole days that are left, less than 0 once it has expired. */
export const daysLeft = (expires: string, nowS: number): number =>
  Math.floor((Date.parse(expires) / 1000 - nowS) / 86_400);

export const specVersion = '1.0.31';
