import { contentCheck } from './archive-content.ts';
import { corrupt, refused } from './archive-errors.ts';
import { type Cursor, cursor, feed, type Walk } from './archive-feed.ts';
import { decodeHeader, fieldName, headerBytes, isZeroBlock, type TarHeader } from './archive-header.ts';
import { nameTree } from './archive-names.ts';
import { checkGlobalPax, maxPaxBytes, type PaxFacts, readLongName, readPax } from './archive-pax.ts';
import type { UpdateJson } from './update-json.ts';

/**
 * The door for update packages: a decoded (plain) tar goes in as bytes, clean entries or an UpdateError come out. This is the only tar parser of the system: who unpacks is told each entry by it and never looks at a
 * header, so there is no second parser to see another archive in the same bytes.
 * Files and folders only; the rules and the attacks behind them: rows 20 to 27 of the threat table.
 */
export interface ArchiveLimits {
  /** Cap on the decoded tar as a whole, headers and padding included. */
  readonly maxUnpackedBytes: number;
  /** Files and folders together, counting folders that only appear as the parent of something. */
  readonly maxEntries: number;
}

/** What a box takes unless it is configured otherwise. */
export const defaultArchiveLimits: ArchiveLimits = { maxUnpackedBytes: 2 * 1024 ** 3, maxEntries: 20_000 };

export interface ArchiveEntry {
  readonly kind: 'file' | 'folder';
  /** Relative to the top folder, clean, such as `box-config-daemon/run.sh`; the top folder itself is not listed. */
  readonly name: string;
  /** Masked with 0755; the owner can always read and write, and enter a folder. */
  readonly mode: number;
  readonly sizeBytes: number;
}

export interface ArchiveContent {
  /** From the VERSION file inside; equal to the version that was expected. */
  readonly version: number;
  /** Files and folders that the archive lists; the top folder does not count. */
  readonly entryCount: number;
  readonly fileCount: number;
  /** Sum of the file sizes. */
  readonly unpackedBytes: number;
  readonly updateJson: UpdateJson | undefined;
}

/** With its list, for who wants it: a package of many small files has one of megabytes. */
export interface ListedContent extends ArchiveContent {
  /** In the order of the archive. */
  readonly entries: readonly ArchiveEntry[];
}

/** Who keeps the content while it streams past. What it was given counts for nothing until the whole is judged. */
export interface ArchiveSink {
  /** Judged by all that stands before its content. */
  begin(entry: ArchiveEntry): void;
  /** Of the file that began last. The caller uses the buffer again. */
  content(bytes: Uint8Array): void;
  /** Of the entry that began last. */
  end(): void;
}

const nobody: ArchiveSink = { begin() {}, content() {}, end() {} };

/** A sink that lists every entry it is told of before `sink` gets it. */
export const listing = (entries: ArchiveEntry[], sink = nobody): ArchiveSink => ({
  ...sink,
  begin(entry) {
    entries.push(entry);
    sink.begin(entry);
  },
});

/**
 * Judges a decoded update package while it streams past; keeps names, VERSION and update.json in memory, no more.
 * Shape: `push` every chunk in order, then `end` once. After a refusal every further call throws the same error.
 * @param expectedVersion the version that was offered; the top folder and VERSION must say the same
 * @param sink gets every entry with its content, in the order of the archive
 * @throws UpdateError ARCHIVE_CORRUPT | ARCHIVE_REFUSED | VERSION_MISMATCH
 */
export function readArchive(
  expectedVersion: number,
  limits: ArchiveLimits,
  sink = nobody,
): { push(chunk: Uint8Array): void; end(): ArchiveContent } {
  return feed(walk(expectedVersion, limits, sink), limits.maxUnpackedBytes, sink.content);
}

function* walk(expectedVersion: number, limits: ArchiveLimits, sink: ArchiveSink): Walk<ArchiveContent> {
  const at = cursor();
  const names = nameTree(expectedVersion, limits.maxEntries);
  const check = contentCheck(expectedVersion);
  for (;;) {
    const member = yield* nextMember(at);
    if (member === undefined) break;
    const { kind, sizeBytes } = member;
    if (sizeBytes > limits.maxUnpackedBytes - at.position()) {
      throw refused(member.name, `claims ${sizeBytes} bytes, over the limit of ${limits.maxUnpackedBytes} for all`);
    }
    const name = names.add(member.name, kind);
    const mode = kind === 'folder' ? (member.mode & 0o755) | 0o700 : (member.mode & 0o755) | 0o600;
    if (name !== undefined) {
      const entry: ArchiveEntry = { kind, name, mode, sizeBytes };
      const keep = check.begin(entry);
      sink.begin(entry);
      if (keep) {
        const bytes = yield* at.take(sizeBytes);
        keep(bytes);
        sink.content(bytes);
      } else yield* at.pass(sizeBytes);
      sink.end();
    } else yield* at.skip(sizeBytes);
    yield* at.skip(padding(sizeBytes));
  }
  yield* zerosToTheEnd();
  return check.end();
}

interface Member {
  readonly kind: 'file' | 'folder';
  /** As the archive has it, not judged yet. */
  readonly name: string;
  readonly mode: number;
  readonly sizeBytes: number;
}

/** The next file or folder, with the long name or pax records before it applied; undefined at the end mark. */
function* nextMember(at: Cursor): Walk<Member | undefined> {
  let longName: string | undefined;
  let pax: PaxFacts | undefined;
  for (;;) {
    const block = yield* at.take(headerBytes);
    if (isZeroBlock(block)) {
      if (longName !== undefined || pax !== undefined) throw corrupt('ends after the name of an entry');
      // POSIX: the end is marked by two zero blocks. A lone one may be the trace of a cut or a joined archive.
      if (!isZeroBlock(yield* at.take(headerBytes))) throw corrupt('has a lone zero block in the middle');
      return undefined;
    }
    const header = decodeHeader(block, longName ?? pax?.path);
    if (header.kind === 'long-name') {
      if (longName !== undefined) throw refused(longName, 'is given two long names');
      longName = readLongName(yield* extension(at, header));
    } else if (header.kind === 'pax') {
      if (pax !== undefined) throw refused(pax.path ?? '', 'is given two extended headers');
      pax = readPax(yield* extension(at, header));
    } else if (header.kind === 'global-pax') {
      checkGlobalPax(yield* extension(at, header));
    } else {
      if (longName !== undefined && pax?.path !== undefined) throw refused(longName, 'is given two long names');
      const name = longName ?? pax?.path ?? fieldName(block, header);
      if (pax?.sizeBytes !== undefined && pax.sizeBytes !== header.sizeBytes) {
        throw refused(name, `has two sizes, ${header.sizeBytes} and ${pax.sizeBytes}`);
      }
      return { ...folderBySlash(header, name), mode: header.mode };
    }
  }
}

/** The first tar knew no folders: a file without a type, empty, whose name ends in a slash (`tar --format=v7`). */
function folderBySlash(header: TarHeader, name: string): Pick<Member, 'kind' | 'name' | 'sizeBytes'> {
  const { sizeBytes } = header;
  if (header.kind === 'folder' || !name.endsWith('/')) {
    return { kind: header.kind === 'folder' ? 'folder' : 'file', name, sizeBytes };
  }
  if (header.kind === 'old-file' && sizeBytes === 0) return { kind: 'folder', name, sizeBytes };
  throw refused(name, 'is a file with the name of a folder');
}

/** The content of a header that only describes the next one. */
function* extension(at: Cursor, { sizeBytes }: TarHeader): Walk<Buffer> {
  if (sizeBytes > maxPaxBytes) throw corrupt(`has an extended header of ${sizeBytes} bytes`);
  const content = yield* at.take(sizeBytes);
  yield* at.skip(padding(sizeBytes));
  return content;
}

/** After the end mark any number of zero bytes (GNU tar fills up to 10,240), and nothing else: no hidden luggage. */
function* zerosToTheEnd(): Walk<void> {
  for (;;) {
    const chunk = yield { rest: true };
    if (chunk.length === 0) return;
    if (!isZeroBlock(chunk)) throw corrupt('goes on after its end mark');
  }
}

const padding = (sizeBytes: number) => (headerBytes - (sizeBytes % headerBytes)) % headerBytes;
