import { isUtf8 } from 'node:buffer';
import { Header } from 'tar/header';
import { corrupt, refused } from './archive-errors.ts';

export const headerBytes = 512;

/** `old-file` is a file without a type: only such a one may be a folder by the slash at the end of its name. */
export type TarKind = 'file' | 'old-file' | 'folder' | 'long-name' | 'pax' | 'global-pax';

export interface TarHeader {
  readonly kind: TarKind;
  /** All bits as stored. */
  readonly mode: number;
  readonly sizeBytes: number;
  /** From the fields of this block; may be a cut one when a long name came before. */
  readonly path: string;
}

const kinds: Readonly<Record<string, TarKind>> = {
  '\0': 'old-file',
  '0': 'file',
  '5': 'folder',
  L: 'long-name',
  x: 'pax',
  g: 'global-pax',
};

const refusedTypes: Readonly<Record<string, string>> = {
  '1': 'a hard link',
  '2': 'a symbolic link',
  '3': 'a character device',
  '4': 'a block device',
  '6': 'a FIFO',
  '7': 'a contiguous file',
  D: 'a GNU dump folder',
  K: 'a link with a long target',
  M: 'a piece of a file on several volumes',
  S: 'a sparse file',
  V: 'a volume label',
};

/** POSIX, GNU and the first tar; other writers of this place in the block have not been seen. */
const magics = ['ustar\u000000', 'ustar  \0', '\0\0\0\0\0\0\0\0'];

/**
 * Decodes a header block: the checksum must hold and the numbers be numbers.
 * @param longName the name given by an earlier block, for messages
 * @throws UpdateError ARCHIVE_CORRUPT, ARCHIVE_REFUSED (anything but files, folders and their names)
 */
export function decodeHeader(block: Buffer, longName: string | undefined): TarHeader {
  const header = decode(block);
  if (!header.cksumValid) throw corrupt('has a header with a wrong checksum');
  const magic = block.toString('latin1', 257, 265);
  if (!magics.includes(magic)) throw corrupt('has a header of an unknown tar format');
  const path = header.path ?? '';
  const type = block.toString('latin1', 156, 157);
  const kind = kinds[type];
  if (kind === undefined) {
    throw refused(longName ?? path, `is ${refusedTypes[type] ?? 'of an unknown type'}; only files and folders may be`);
  }
  // Not the library's, which stops at the first byte that is no digit where other readers take another mode.
  const mode = octalOf(block, 100, 108);
  if (mode === undefined) throw corrupt('has a header with a mode that is not a number');
  return { kind, mode, sizeBytes: sizeOf(block, kind, longName ?? path), path };
}

/**
 * The name in the fields of a header (name, and prefix in POSIX archives).
 * @throws UpdateError ARCHIVE_REFUSED when another reader could see another name in these bytes
 */
export function fieldName(block: Buffer, { path }: TarHeader): string {
  const fields = [block.subarray(0, 100)];
  // The prefix is 155 bytes, or 130 in archives of star, which keeps times behind it (as Header decides, too).
  if (block.toString('latin1', 257, 263) === 'ustar\0') fields.push(block.subarray(345, block[475] === 0 ? 475 : 500));
  for (const field of fields) {
    const end = field.indexOf(0);
    if (end >= 0 && !isZeroBlock(field.subarray(end))) throw refused(path, 'has a NUL in its name');
    if (!isUtf8(end < 0 ? field : field.subarray(0, end))) throw refused(path, 'has a name that is not UTF-8');
  }
  return path;
}

/** Equal to itself moved by one: one comparison in native code, as the zeros behind an archive may be many. */
export const isZeroBlock = (block: Buffer): boolean =>
  block.length === 0 || (block[0] === 0 && block.subarray(1).equals(block.subarray(0, -1)));

function decode(block: Buffer): Header {
  try {
    return new Header(block);
  } catch (cause) {
    // The library throws on base-256 numbers that do not fit.
    throw corrupt('has a header with an impossible number', cause);
  }
}

/**
 * The size, octal or base-256. Not the library's: it forgives what follows the digits, and takes a file for an empty
 * folder when its name, cut at 100 bytes for an earlier long-name record, happens to end in a slash.
 */
function sizeOf(block: Buffer, kind: TarKind, name: string): number {
  const isBase256 = block.readUInt32BE(124) === 0x8000_0000;
  const size = isBase256 ? Number(block.readBigUInt64BE(128)) : (octalOf(block, 124, 136) ?? Number.NaN);
  if (!Number.isSafeInteger(size)) throw refused(name, 'has a size that is negative, too large or not a number');
  if (kind === 'folder' && size > 0) throw refused(name, 'is a folder with a size');
  return size;
}

/** A number in octal digits, blanks before them and blanks or NULs behind; undefined for anything else. */
function octalOf(block: Buffer, start: number, end: number): number | undefined {
  const digits = /^ *([0-7]+)[ \0]*$/.exec(block.toString('latin1', start, end))?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 8);
}
