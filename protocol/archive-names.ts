import { refused } from './archive-errors.ts';
import { UpdateError } from './errors.ts';
import { packageFolder, quote } from './version.ts';

/** Bytes of a name below the top folder, as a whole: the strict reading, which holds for each part of it, too. */
const maxNameBytes = 255;
const maxParts = 32;

/**
 * A tree, as whole names would be there once for each file and once more folded. A file is its part of the name, as it was
 * spelled; both are found by that part folded.
 */
type Node = Folder | string;

interface Folder {
  readonly part: string;
  /** False for a folder that so far only appeared as the parent of something. */
  listed: boolean;
  readonly inside: Map<string, Node>;
}

const folder = (part: string, listed: boolean): Folder => ({ part, listed, inside: new Map() });

/**
 * Judges the names of an archive one after the other; together they must form one tree of unique names.
 * `add` gives the name below the top folder, or undefined for the top folder itself.
 * @throws UpdateError ARCHIVE_REFUSED; VERSION_MISMATCH when the top folder is that of another release
 */
export function nameTree(version: number, maxEntries: number) {
  const top = packageFolder(version);
  const tops = folder('', true);
  const root = folder('', true);
  let count = 0;
  let layout: 'top folder' | 'dot' | undefined;

  /** The parts below the top folder; none for it. */
  function belowTop(name: string, parts: readonly string[]): readonly string[] {
    const found = parts[0] === top ? 'top folder' : name.startsWith('./') ? 'dot' : undefined;
    if (found === undefined || (layout !== undefined && layout !== found)) throw otherTop(name, parts[0]!);
    layout = found;
    return found === 'dot' ? parts : parts.slice(1);
  }

  function otherTop(name: string, found: string): UpdateError {
    if (layout === undefined && /^opq-box-update-\d+$/.test(found)) {
      return new UpdateError('VERSION_MISMATCH', `The archive holds ${quote(found)}, the release is ${quote(top)}.`);
    }
    return refused(name, `is not below the one top folder ${quote(layout === 'dot' ? './' : top)}`);
  }

  /** @param name the whole of it, for messages; its last part is the one to insert */
  function insert({ inside }: Folder, name: string, kind: 'file' | 'folder', listed: boolean): Node {
    const part = name.slice(name.lastIndexOf('/') + 1);
    const folded = fold(part);
    const other = inside.get(folded);
    if (other === undefined) {
      if (count >= maxEntries) throw refused(name, `is one more than the limit of ${maxEntries} entries`);
      count++;
      const spelled = folded === part ? folded : part;
      const node = kind === 'file' ? spelled : folder(spelled, listed);
      inside.set(folded, node);
      return node;
    }
    const isFile = typeof other === 'string';
    const otherPart = isFile ? other : other.part;
    if (otherPart !== part) {
      const same = name.slice(0, name.length - part.length) + otherPart;
      throw refused(name, `has the same name as ${quote(same)} but for case or Unicode form`);
    }
    if (listed && (isFile || other.listed)) throw refused(name || top, 'is there twice');
    if (isFile || kind === 'file') throw refused(name, 'is a file and a folder');
    other.listed ||= listed;
    return other;
  }

  return {
    add(rawName: string, kind: 'file' | 'folder'): string | undefined {
      const parts = cleanParts(rawName);
      const below = parts.length === 0 ? [] : belowTop(rawName, parts);
      if (below.length === 0) {
        if (kind === 'file') throw refused(rawName, 'should be the top folder, found a file');
        // Both `./` and the top folder below it may be listed, each once.
        insert(tops, parts.length === 0 ? '.' : '', kind, true);
        return undefined;
      }
      const name = below.join('/');
      if (Buffer.byteLength(name) > maxNameBytes) throw refused(rawName, `has a name over ${maxNameBytes} bytes`);
      if (below.length > maxParts) throw refused(rawName, `has more than ${maxParts} parts in its name`);
      let at = root;
      for (const parent of parentsOf(name)) at = insert(at, parent, 'folder', false) as Folder;
      insert(at, name, kind, true);
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
