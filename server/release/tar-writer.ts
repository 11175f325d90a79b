import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { Header, type HeaderData } from 'tar/header';
import { UpdateError } from '../../protocol/errors.ts';
import { packageFolder } from '../../protocol/version.ts';
import { chunksOf } from './chunks.ts';
import type { ContentRow } from './content-tree.ts';

const blockBytes = 512;

/**
 * The tar of a package, as a stream: same rows and version, same bytes. Owned by root, as old as its version.
 * Names over 99 bytes are written as GNU's long-name records, which every tar in use reads, BusyBox's included.
 */
export async function* tarOf(rows: readonly ContentRow[], version: number): AsyncGenerator<Buffer> {
  const top = packageFolder(version);
  const dated = { uid: 0, gid: 0, uname: 'root', gname: 'root', mtime: new Date(version * 1000) };
  yield* headers({ ...dated, type: 'Directory', path: `${top}/`, mode: 0o755, size: 0 });
  for (const row of rows) {
    if (row.kind === 'folder') {
      yield* headers({ ...dated, type: 'Directory', path: `${top}/${row.name}/`, mode: 0o755, size: 0 });
      continue;
    }
    yield* headers({ ...dated, type: 'File', path: `${top}/${row.name}`, mode: row.mode, size: row.sizeBytes });
    yield* contentOf(row);
    yield zeros(row.sizeBytes);
  }
  yield Buffer.alloc(2 * blockBytes);
}

function* headers(data: HeaderData & { path: string }): Generator<Buffer> {
  const name = Buffer.from(data.path);
  if (name.length < 100) {
    yield block(data);
    return;
  }
  yield block({ ...data, type: 'NextFileHasLongPath', path: '././@LongLink', mode: 0o644, size: name.length + 1 });
  yield Buffer.concat([name, Buffer.alloc(1), zeros(name.length + 1)]);
  // What stands in the short field is not read by anybody; cutting the real name could cut a letter in two.
  yield block({ ...data, path: data.path.replace(/[^ -~]/g, '_').slice(0, 99) });
}

function block(data: HeaderData): Buffer {
  const header = new Header(data);
  header.encode();
  return header.block!;
}

async function* contentOf(row: ContentRow & { kind: 'file' }): AsyncGenerator<Buffer> {
  if (Buffer.isBuffer(row.content)) {
    yield row.content;
    return;
  }
  const { path, look } = row.content;
  // A file that became a link since it was listed is not followed.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  let missing = row.sizeBytes;
  try {
    for await (const chunk of chunksOf(file)) {
      missing -= chunk.length;
      if (missing < 0) break;
      look?.(chunk);
      yield chunk;
    }
  } finally {
    await file.close();
  }
  if (missing !== 0) throw new UpdateError('ARCHIVE_CORRUPT', `${path} changed while it was packed.`);
}

/** What fills the last block of this many bytes. */
const zeros = (sizeBytes: number) => Buffer.alloc((blockBytes - (sizeBytes % blockBytes)) % blockBytes);
