import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { versionFileName } from '../../protocol/archive-content.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { quote } from '../../protocol/version.ts';

/** Something to pack. `name` is relative to the top folder; the content is a path to read or the bytes themselves. */
export type ContentRow =
  | { readonly kind: 'folder'; readonly name: string }
  | {
      readonly kind: 'file';
      readonly name: string;
      readonly mode: 0o644 | 0o755;
      readonly sizeBytes: number;
      readonly content: Buffer | FileContent;
    };

export interface FileContent {
  readonly path: string;
  /** Is shown every chunk while it is packed. */
  readonly look?: (chunk: Buffer) => void;
}

/**
 * Everything below a folder in an order that depends on the names alone (bytes, each folder before its content),
 * with VERSION saying what it should, whatever the folder has under that name. Links are not followed.
 * @throws UpdateError ARCHIVE_REFUSED for anything but files and folders
 */
export async function contentTree(folder: string, version: number): Promise<ContentRow[]> {
  const rows = await below(folder, '');
  const content = Buffer.from(`${version}\n`);
  const versionRow: ContentRow = {
    kind: 'file',
    name: versionFileName,
    mode: 0o644,
    sizeBytes: content.length,
    content,
  };
  return inOrder([...rows.filter(({ name }) => name !== versionFileName), versionRow]);
}

/** Everything below a folder, in any order; `prefix` goes before the names. */
export async function below(folder: string, prefix: string): Promise<ContentRow[]> {
  const rows: ContentRow[] = [];
  for (const child of await readdir(folder)) {
    const name = prefix + child;
    // Node shows bytes that are not UTF-8 as U+FFFD: that name would not be found again.
    if (child.includes('\ufffd')) throw refused(name, 'has a name that is not UTF-8');
    const path = join(folder, child);
    const stat = await lstat(path);
    if (stat.isDirectory()) rows.push({ kind: 'folder', name }, ...(await below(path, `${name}/`)));
    else if (stat.isFile()) {
      // Of the modes only "its owner may run it" is part of a release; the rest is how somebody's umask is set.
      const mode = stat.mode & 0o100 ? 0o755 : 0o644;
      rows.push({ kind: 'file', name, mode, sizeBytes: stat.size, content: { path } });
    } else throw refused(name, `is ${stat.isSymbolicLink() ? 'a symbolic link' : 'neither file nor folder'}`);
  }
  return rows;
}

export const inOrder = (rows: readonly ContentRow[]): ContentRow[] => [...rows].sort(byPath);

/** By the bytes of the names, part by part, so that a folder is followed by its content. */
function byPath(a: ContentRow, b: ContentRow): number {
  const key = ({ name }: ContentRow) => Buffer.from(name.replaceAll('/', '\0'));
  return Buffer.compare(key(a), key(b));
}

const refused = (name: string, what: string) =>
  new UpdateError('ARCHIVE_REFUSED', `${quote(name, 255)} ${what}; a package holds files and folders only.`);
