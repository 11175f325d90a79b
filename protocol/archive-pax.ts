import { isUtf8 } from 'node:buffer';
import { corrupt, refused } from './archive-errors.ts';
import { quote } from './version.ts';

/** Names have 255 bytes at most; the rest of an extended header is attributes that we drop. */
export const maxPaxBytes = 256 * 1024;

/** The two things of an extended header that count. */
export interface PaxFacts {
  readonly path: string | undefined;
  readonly sizeBytes: number | undefined;
}

/** What may be there and changes nothing: times, owners, attributes. Not on the list = refused. */
const harmlessKeys = [
  /^(mtime|atime|ctime|uid|gid|uname|gname|comment|charset|hdrcharset)$/,
  /^SCHILY\.(xattr\..+|acl\..+|fflags|dev|ino|nlink)$/,
  /^LIBARCHIVE\.(xattr\..+|creationtime)$/,
  /^RHT\.security\..+$/,
  /^NODETAR\..+$/,
];

/** Attributes are bytes, not text; macOS puts one with a NUL (com.apple.provenance) on most files. */
const binaryKeys = /^SCHILY\.xattr\./;

/**
 * Reads the extended header (pax `x`) of the next entry.
 * @throws UpdateError ARCHIVE_CORRUPT (not of the form), ARCHIVE_REFUSED (what would change the entry)
 */
export function readPax(bytes: Buffer): PaxFacts {
  let path: string | undefined;
  let sizeBytes: number | undefined;
  for (const { key, value } of records(bytes)) {
    if (key === 'path') {
      if (path !== undefined) throw refused(path, 'is given two names by one extended header');
      path = utf8Name(value);
    } else if (key === 'size') {
      const digits = value.toString('latin1');
      if (!/^\d{1,15}$/.test(digits)) throw refused(path ?? '', `has the size ${quote(digits)}`);
      sizeBytes = Number(digits);
    } else mustBeHarmless(key);
  }
  return { path, sizeBytes };
}

/** A global header (pax `g`) may carry remarks, as `git archive` writes them, but say nothing of entries. */
export function checkGlobalPax(bytes: Buffer): void {
  for (const { key } of records(bytes)) mustBeHarmless(key);
}

/**
 * The content of a GNU long-name record: the name, closed by a NUL.
 * @throws UpdateError ARCHIVE_REFUSED
 */
export function readLongName(bytes: Buffer): string {
  const name = bytes.at(-1) === 0 ? bytes.subarray(0, -1) : bytes;
  return utf8Name(name);
}

/** pax: `<length> <key>=<value>\n`, where the length counts the whole record. */
function* records(bytes: Buffer): Generator<{ key: string; value: Buffer }> {
  let at = 0;
  while (at < bytes.length) {
    const digits = /^([1-9]\d{0,6}) /.exec(bytes.toString('latin1', at, at + 8))?.[1];
    const end = at + Number(digits);
    const keyStart = at + (digits?.length ?? 0) + 1;
    const equals = bytes.indexOf('=', keyStart);
    if (digits === undefined || end > bytes.length || bytes[end - 1] !== 0x0a || equals <= keyStart || equals >= end) {
      throw corrupt('has an extended header that is not of the form "length key=value"');
    }
    const key = bytes.toString('utf8', keyStart, equals);
    const value = bytes.subarray(equals + 1, end - 1);
    // Readers in C cut a value at its first NUL: "install_update.sh\0.txt" would land on install_update.sh.
    if (value.includes(0) && !binaryKeys.test(key))
      throw refused(value.toString('utf8'), `has a NUL in ${quote(key)} of its extended header`);
    yield { key, value };
    at = end;
  }
}

function mustBeHarmless(key: string): void {
  if (harmlessKeys.some((pattern) => pattern.test(key))) return;
  const rule = key.startsWith('GNU.sparse.') ? 'a sparse file' : key === 'linkpath' ? 'a link' : 'not known here';
  throw refused(key, `is an extended header for what is ${rule}`);
}

function utf8Name(bytes: Buffer): string {
  const name = bytes.toString('utf8');
  if (bytes.includes(0)) throw refused(name, 'has a NUL in its name');
  if (!isUtf8(bytes)) throw refused(name, 'has a name that is not UTF-8');
  return name;
}
