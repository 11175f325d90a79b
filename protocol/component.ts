import { createHash } from 'node:crypto';
import { cleanParts } from './archive-names.ts';

/**
 * A component: a part of a release that a technician can choose. It is a folder of files, and its digest is that of the
 * whole tree, so that it is proven in the store of the server, in an image and unpacked on a box by the same rule.
 */
export const componentNamePattern = /^[a-z0-9][a-z0-9-]{0,63}$/;

/** `1.4.2`, `2019-02-15+git3`: compared by `isNewerComponent`. */
export const componentVersionPattern = /^[0-9A-Za-z][0-9A-Za-z.+~_-]{0,63}$/;

/** Hardware as a device names it, `rpi/3`: target and subtarget. */
export const hardwarePattern = /^[a-z0-9][a-z0-9_-]{0,31}\/[a-z0-9][a-z0-9_-]{0,31}$/;

export const sha256Pattern = /^[0-9a-f]{64}$/;

/** A file or folder of a component. */
export interface TreeRow {
  readonly kind: 'file' | 'folder';
  /** Relative to the component's folder, clean. */
  readonly name: string;
  /** 0o755 when its owner may run it, else 0o644; of a folder nothing. */
  readonly mode: number;
  readonly sizeBytes: number;
  /** Of a file's content, hex; of a folder nothing. */
  readonly sha256: string;
}

/**
 * The digest of a component: SHA-256 (hex) over one line for each file and folder below its folder, in the order of
 * the bytes of their names: `755 1234 <sha256> run.sh`, `folder etc`.
 * @throws UpdateError ARCHIVE_REFUSED for a name that a line could not hold
 */
export function componentDigest(rows: readonly TreeRow[]): string {
  const hash = createHash('sha256');
  for (const row of [...rows].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))) {
    cleanParts(row.name);
    if (row.kind === 'folder') hash.update(`folder ${row.name}\n`);
    else hash.update(`${(row.mode & 0o100) === 0 ? 644 : 755} ${row.sizeBytes} ${row.sha256} ${row.name}\n`);
  }
  return hash.digest('hex');
}

/**
 * True when version `a` of a component comes after `b`: digits are compared as numbers, what is between them as text,
 * and `~` comes before the end, as dpkg has it (`1.0~rc1` is older than `1.0`).
 */
export function isNewerComponent(a: string, b: string): boolean {
  return compareVersions(a, b) > 0;
}

export function compareVersions(a: string, b: string): number {
  const [left, right] = [parts(a), parts(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const order = comparePart(left[i] ?? '', right[i] ?? '');
    if (order !== 0) return order;
  }
  return 0;
}

/** `1.10~rc2`: `1`, `.`, `10`, `~`, `r`, `c`, `2`. */
const parts = (version: string): string[] => version.match(/\d+|\D/g) ?? [];

function comparePart(a: string, b: string): number {
  if (/^\d/.test(a) && /^\d/.test(b)) {
    const [left, right] = [BigInt(a), BigInt(b)];
    return left === right ? 0 : left > right ? 1 : -1;
  }
  return rank(a) - rank(b);
}

function rank(part: string): number {
  if (part === '~') return -1;
  if (part === '') return 0;
  if (/^\d/.test(part)) return 1;
  return part.charCodeAt(0) + (/[A-Za-z]/.test(part) ? 2 : 256);
}
