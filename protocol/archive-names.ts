import { refused } from './archive-errors.ts';
import { UpdateError } from './errors.ts';
import { packageFolder, quote } from './version.ts';

/** Bytes of a name below the top folder, as a whole: the strict reading, which holds for each part of it, too. */
const maxNameBytes = 255;
const maxParts = 32;

interface Node {
  readonly name: string;
  readonly kind: 'file' | 'folder';
  /** False for a folder that so far only appeared as the parent of something. */
  listed: boolean;
}

/**
 * Judges the names of an archive one after the other; together they must form one tree of unique names.
 * `add` gives the name below the top folder, or undefined for the top folder itself.
 * @throws UpdateError ARCHIVE_REFUSED; VERSION_MISMATCH when the top folder is that of another release
 */
export function nameTree(version: number, maxEntries: number) {
  const top = packageFolder(version);
  const nodes = new Map<string, Node>();
  let layout: 'top folder' | 'dot' | undefined;

  /** The name below the top folder; '' for it. */
  function belowTop(name: string, parts: readonly string[]): string {
    const found = parts[0] === top ? 'top folder' : name.startsWith('./') ? 'dot' : undefined;
    if (found === undefined || (layout !== undefined && layout !== found)) throw otherTop(name, parts[0]!);
    layout = found;
    return (found === 'dot' ? parts : parts.slice(1)).join('/');
  }

  function otherTop(name: string, found: string): UpdateError {
    if (layout === undefined && /^opq-box-update-\d+$/.test(found)) {
      return new UpdateError('VERSION_MISMATCH', `The archive holds ${quote(found)}, the release is ${quote(top)}.`);
    }
    return refused(name, `is not below the one top folder ${quote(layout === 'dot' ? './' : top)}`);
  }

  function insert(node: Node): void {
    const key = fold(node.name);
    const other = nodes.get(key);
    if (other === undefined) {
      if (nodes.size >= maxEntries) throw refused(node.name, `is one more than the limit of ${maxEntries} entries`);
      nodes.set(key, node);
    } else if (other.name !== node.name) {
      throw refused(node.name, `has the same name as ${quote(other.name)} but for case or Unicode form`);
    } else if (other.listed && node.listed) {
      throw refused(node.name || top, 'is there twice');
    } else if (other.kind !== node.kind) {
      throw refused(node.name, 'is a file and a folder');
    } else {
      other.listed ||= node.listed;
    }
  }

  return {
    add(rawName: string, kind: 'file' | 'folder'): string | undefined {
      const parts = cleanParts(rawName);
      const name = parts.length === 0 ? '.' : belowTop(rawName, parts);
      if (name === '.' || name === '') {
        if (kind === 'file') throw refused(rawName, 'should be the top folder, found a file');
        // Both `./` and the top folder below it may be listed, each once.
        insert({ name, kind, listed: true });
        return undefined;
      }
      if (Buffer.byteLength(name) > maxNameBytes) throw refused(rawName, `has a name over ${maxNameBytes} bytes`);
      if (name.split('/').length > maxParts) throw refused(rawName, `has more than ${maxParts} parts in its name`);
      for (const parent of parentsOf(name)) insert({ name: parent, kind: 'folder', listed: false });
      insert({ name, kind, listed: true });
      return name;
    },
  };
}

/** The parts of a relative name; a leading `./` and the slash that closes a folder are not parts. */
export function cleanParts(name: string): string[] {
  // Line and paragraph separators and the marks that turn the reading direction, too: names are shown to people.
  if (/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u.test(name)) throw refused(name, 'has control characters');
  if (name.includes('\\')) throw refused(name, 'has a backslash in its name');
  if (name.startsWith('/')) throw refused(name, 'has an absolute name');
  if (name === '.' || name === './') return [];
  const parts = name.replace(/^\.\//, '').replace(/\/$/, '').split('/');
  if (parts.includes('..')) throw refused(name, 'leaves its folder by ".."');
  if (parts.includes('') || parts.includes('.')) throw refused(name, 'has an empty or "." part in its name');
  return parts;
}

/** `a/b/c`: `a`, `a/b`. */
function* parentsOf(name: string): Generator<string> {
  for (let slash = name.indexOf('/'); slash >= 0; slash = name.indexOf('/', slash + 1)) yield name.slice(0, slash);
}

/** Equal for names that some file system takes for one (FAT, APFS, ext4 with casefold): upper first folds ß and ſ. */
const fold = (name: string) => name.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC');
