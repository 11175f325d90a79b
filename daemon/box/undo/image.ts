/**
 * What folders look like: one record a path, in the order of a walk, each ended by NUL, the last one a checksum.
 *
 *     f 100644 0 0 12 1750000000123456789 <sha256> etc/opq/box.json
 *
 * kind, mode in octal, owner, group, size, time of change in ns, then the SHA-256 of the content or of where a link
 * leads (the number of a device, `-` for the rest), then the path. Paths are bytes: as text each byte is a character
 * (latin1), as a name need not be UTF-8. Sockets are left out, as no archive holds them: who listens makes them anew.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, readlink } from 'node:fs/promises';
import { openToRead, writeFileSafely } from '../../files.ts';
import { type Found, walk } from './walk.ts';

/** One path: all that an undo compares, and the time of its change, which alone is no difference. */
export interface Look {
  /** Kind, mode, owner, group, size and content. Two that are equal need not be told apart. */
  readonly what: string;
  readonly mtimeNs: string;
  readonly sizeBytes: number;
}
export type Image = ReadonlyMap<string, Look>;

/** Writes the image of folders below `root` to a file: whole or not at all, on the disk when it returns. */
export async function writeImage(root: string, paths: readonly string[], file: string): Promise<void> {
  const records: string[] = [];
  for await (const record of recordsOf(root, paths)) records.push(`${record}\0`);
  const bytes = Buffer.from(records.join(''), 'latin1');
  await writeFileSafely(file, Buffer.concat([bytes, Buffer.from(`sum ${sumOf(bytes)}\0`)]));
}

const sumOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** The image of folders as they are now. */
export async function imageNow(root: string, paths: readonly string[]): Promise<Image> {
  const image = new Map<string, Look>();
  for await (const record of recordsOf(root, paths)) image.set(...parseRecord(record));
  return image;
}

/** What one path is now; undefined when nothing is there. */
export async function lookAt(root: string, path: string): Promise<Look | undefined> {
  for await (const record of recordsOf(root, [path])) {
    const [found, look] = parseRecord(record);
    // A folder comes before what is in it.
    return found === path ? look : undefined;
  }
  return undefined;
}

/** An image from its file; undefined when there is none, or not the whole of it. */
export async function readImage(file: string): Promise<Image | undefined> {
  const bytes = await readFile(file).catch(() => undefined); // missing, or on a disk that fails: as good as none
  const end = bytes?.lastIndexOf('sum ') ?? -1;
  if (!bytes || end === -1) return undefined;
  if (bytes.toString('latin1', end) !== `sum ${sumOf(bytes.subarray(0, end))}\0`) return undefined;
  return new Map(bytes.toString('latin1', 0, end).split('\0').slice(0, -1).map(parseRecord));
}

/** A path of the box as an image has it. */
export const imagePath = (path: string): string =>
  Buffer.from(path)
    .toString('latin1')
    .replace(/^\/+|\/+$/g, '');
/** A path of an image as people read it. */
export const pathText = (path: string): string => `/${Buffer.from(path, 'latin1').toString()}`;
export const pathBytes = (path: string): Buffer => Buffer.from(path, 'latin1');

export const isFolder = (look: Look | undefined): boolean => look?.what.startsWith('d') === true;

async function* recordsOf(root: string, paths: readonly string[]): AsyncGenerator<string> {
  for await (const found of walk(root, paths)) {
    // A file that went in this very moment, or is another one now, is as good as not seen.
    const record = await recordOf(found).catch((error: NodeJS.ErrnoException) => {
      if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EINVAL', 'ENXIO'].includes(error.code ?? '')) return undefined;
      throw error;
    });
    if (record) yield record;
  }
}

async function recordOf({ kind, path, at, stat }: Found): Promise<string> {
  const { mode, uid, gid, size, mtimeNs, rdev } = stat;
  const content =
    kind === 'f'
      ? await sha256(at)
      : kind === 'l'
        ? sumOf(await readlink(at, 'buffer'))
        : kind === 'c' || kind === 'b'
          ? rdev
          : '-';
  return `${kind} ${mode.toString(8)} ${uid} ${gid} ${kind === 'f' ? size : 0} ${mtimeNs} ${content} ${path}`;
}

function parseRecord(record: string): [string, Look] {
  const [kind, mode, uid, gid, size, mtimeNs = '', content] = record.split(' ', 7);
  const what = `${kind} ${mode} ${uid} ${gid} ${size} ${content}`;
  return [record.slice(what.length + mtimeNs.length + 2), { what, mtimeNs, sizeBytes: Number(size) }];
}

async function sha256(path: Buffer): Promise<string> {
  const hash = createHash('sha256');
  const file = await openToRead(path);
  for await (const chunk of createReadStream('', { fd: file })) hash.update(chunk);
  return hash.digest('hex');
}
