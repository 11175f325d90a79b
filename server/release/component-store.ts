import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installScriptName, updateJsonName, versionFileName } from '../../protocol/archive-content.ts';
import {
  attendedInstallScript,
  attendedUpdateJson,
  defaultsName,
  isUpdaterProgram,
} from '../../protocol/attended-image.ts';
import { componentDigest } from '../../protocol/component.ts';
import { type Component, parseIndex } from '../../protocol/component-index.ts';
import { type ContentRow, inOrder } from './content-tree.ts';

/**
 * The component store: a folder that the publisher fills on a machine of their own and copies to the server.
 *   components/<name>_<version>_<digest>/component.json   what the index says of it
 *   components/<name>_<version>_<digest>/content/         its files
 *   index.draft.json, then index.json with index.json.sig
 *   profiles.json                                         boards and their components, written by hand
 */
export const componentsFolder = 'components';
export const draftName = 'index.draft.json';
const aboutName = 'component.json';

export const folderOf = (
  store: string,
  { name, version, sha256 }: Pick<Component, 'name' | 'version' | 'sha256'>,
): string => join(store, componentsFolder, `${name}_${version}_${sha256.slice(0, 16)}`);
export const contentOf = (folder: string): string => join(folder, 'content');
export const aboutPath = (folder: string): string => join(folder, aboutName);

/** Every component of a store, in no order. @throws UpdateError COMPONENT_REFUSED for one that is not described */
export async function storedComponents(store: string): Promise<Component[]> {
  const names = await readdir(join(store, componentsFolder));
  const folders = names.filter((name) => !name.startsWith('.')).map((name) => join(store, componentsFolder, name));
  return Promise.all(folders.map(async (folder) => readAbout(await readFile(aboutPath(folder), 'utf8'))));
}

/** One entry, judged by the rules of an index. */
export function readAbout(text: string): Component {
  return parseIndex(Buffer.from(`{"format":1,"expires":1,"components":[${text}]}`)).components[0]!;
}

/** The digest of a component is known when its last file has been packed. */
export interface WatchedRows {
  readonly rows: ContentRow[];
  digest(): string;
}

/** The same rows, whose content is hashed while it is packed. */
export function watched(rows: readonly ContentRow[]): WatchedRows {
  const hashes = new Map<string, ReturnType<typeof createHash>>();
  const watchedRows = rows.map((row): ContentRow => {
    if (row.kind === 'folder') return row;
    const hash = createHash('sha256');
    hashes.set(row.name, hash);
    if (!Buffer.isBuffer(row.content))
      return { ...row, content: { ...row.content, look: (chunk) => hash.update(chunk) } };
    hash.update(row.content);
    return row;
  });
  return {
    rows: watchedRows,
    digest: () =>
      componentDigest(
        rows.map((row) =>
          row.kind === 'folder'
            ? { kind: 'folder', name: row.name, mode: 0, sizeBytes: 0, sha256: '' }
            : { ...row, sha256: hashes.get(row.name)!.digest('hex') },
        ),
      ),
  };
}

/** What an image holds, in its order: the components' files below their names, and the files of the image itself. */
export function imageRows(image: {
  readonly version: number;
  readonly hardware: string;
  readonly parts: readonly {
    readonly component: Pick<Component, 'name' | 'version'>;
    readonly rows: readonly ContentRow[];
  }[];
  readonly defaults: string | undefined;
}): ContentRow[] {
  const { version, hardware, parts, defaults } = image;
  const bringsUpdater = parts.some(({ component, rows }) =>
    rows.some((row) => isUpdaterProgram(component.name, row.name)),
  );
  const about = attendedUpdateJson(
    hardware,
    parts.map(({ component }) => component),
    bringsUpdater,
  );
  return inOrder([
    textRow(versionFileName, `${version}\n`),
    textRow(installScriptName, attendedInstallScript, 0o755),
    textRow(updateJsonName, `${JSON.stringify(about, null, 2)}\n`),
    ...(defaults === undefined ? [] : [textRow(defaultsName, defaults)]),
    ...parts.flatMap(({ component: { name }, rows }): ContentRow[] => [
      { kind: 'folder', name },
      ...rows.map((row) => ({ ...row, name: `${name}/${row.name}` })),
    ]),
  ]);
}

function textRow(name: string, text: string, mode: 0o644 | 0o755 = 0o644): ContentRow {
  const content = Buffer.from(text);
  return { kind: 'file', name, mode, sizeBytes: content.length, content };
}
