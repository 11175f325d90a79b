import { type ArchiveContent, type ArchiveLimits, readArchive } from '../../protocol/archive.ts';
import { feedAll, testVersion } from './tar-bytes.ts';

/** What `readArchive` gives to whoever keeps the content, each file by its name, with its bytes. */
export function keptArchive(
  bytes: Buffer,
  limits: ArchiveLimits,
  chunkBytes?: number,
  version = testVersion,
): { readonly content: ArchiveContent; readonly files: ReadonlyMap<string, Buffer> } {
  const files = new Map<string, Buffer>();
  const pieces: Buffer[] = [];
  const told: string[] = [];
  let open: string | undefined;
  const sink = {
    begin({ kind, name }: ArchiveContent['entries'][number]) {
      if (open !== undefined) throw new Error(`${name} begins before the end of ${open}.`);
      open = name;
      told.push(`${kind} ${name}`);
      pieces.length = 0;
    },
    content(piece: Uint8Array) {
      if (open === undefined) throw new Error('Content of no entry.');
      pieces.push(Buffer.from(piece));
    },
    end() {
      if (told.at(-1) === `file ${open}`) files.set(open!, Buffer.concat(pieces));
      else if (pieces.length > 0) throw new Error(`Content of the folder ${open}.`);
      open = undefined;
    },
  };
  const content = feedAll(readArchive(version, limits, sink), bytes, chunkBytes);
  // Listed are folders before what is in them, wherever the archive has them.
  const listed = content.entries.map(({ kind, name }) => `${kind} ${name}`).sort();
  if (JSON.stringify(told.sort()) !== JSON.stringify(listed)) throw new Error(`Kept ${told}, listed ${listed}.`);
  for (const { kind, name, sizeBytes } of content.entries) {
    if (kind === 'file' && files.get(name)!.length !== sizeBytes) throw new Error(`${name} is of another size.`);
  }
  return { content, files };
}
