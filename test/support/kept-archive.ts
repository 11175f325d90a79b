import {
  type ArchiveEntry,
  type ArchiveLimits,
  type ArchiveSink,
  defaultArchiveLimits,
  type ListedContent,
  listing,
  readArchive,
} from '../../protocol/archive.ts';
import { feedAll, testVersion } from './tar-bytes.ts';

/** What `readArchive` finds, with the entries as it tells them. */
export function listArchive(
  bytes: Buffer,
  limits: ArchiveLimits = defaultArchiveLimits,
  {
    chunkBytes,
    version = testVersion,
    sink,
  }: { chunkBytes?: number | undefined; version?: number; sink?: ArchiveSink } = {},
): ListedContent {
  const entries: ArchiveEntry[] = [];
  const content = feedAll(readArchive(version, limits, listing(entries, sink)), bytes, chunkBytes);
  const files = entries.filter(({ kind }) => kind === 'file').length;
  if (content.entryCount !== entries.length || content.fileCount !== files) throw new Error('Told and counted differ.');
  return { ...content, entries };
}

/** What `readArchive` gives to whoever keeps the content, each file by its name, with its bytes. */
export function keptArchive(
  bytes: Buffer,
  limits: ArchiveLimits,
  chunkBytes?: number,
  version = testVersion,
): { readonly content: ListedContent; readonly files: ReadonlyMap<string, Buffer> } {
  const files = new Map<string, Buffer>();
  const pieces: Buffer[] = [];
  let open: string | undefined;
  let openKind: ArchiveEntry['kind'] = 'file';
  const sink = {
    begin({ kind, name }: ArchiveEntry) {
      if (open !== undefined) throw new Error(`${name} begins before the end of ${open}.`);
      open = name;
      openKind = kind;
      pieces.length = 0;
    },
    content(piece: Uint8Array) {
      if (open === undefined) throw new Error('Content of no entry.');
      pieces.push(Buffer.from(piece));
    },
    end() {
      if (openKind === 'file') files.set(open!, Buffer.concat(pieces));
      else if (pieces.length > 0) throw new Error(`Content of the folder ${open}.`);
      open = undefined;
    },
  };
  const content = listArchive(bytes, limits, { chunkBytes, version, sink });
  for (const { kind, name, sizeBytes } of content.entries) {
    if (kind === 'file' && files.get(name)!.length !== sizeBytes) throw new Error(`${name} is of another size.`);
  }
  return { content, files };
}
