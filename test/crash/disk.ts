/** A disk as a model: files and folders by number, so that a name and what it names can be lost apart. */
import { createHash } from 'node:crypto';

export interface Inode {
  readonly kind: 'file' | 'folder' | 'link';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  /** Of a file: its bytes. Of a link: where it leads. */
  readonly data: Buffer;
  /** Of a folder: its names. */
  readonly entries: ReadonlyMap<string, number>;
}

export type Disk = ReadonlyMap<number, Inode>;
/** The number of the top folder. */
export const top = 1;

interface Common {
  /** Wall clock, ns. */
  readonly atNs: bigint;
  /** In memory on a box (/run): gone after a power cut, still there when only the updater died. */
  readonly volatile: boolean;
  /** Who did it, for people. */
  readonly note: string;
}

/** One thing done to a disk. */
export type Operation = Common &
  (
    | {
        readonly kind: 'enter';
        readonly folder: number;
        readonly name: string;
        readonly ino: number;
        readonly born?: Inode;
      }
    | { readonly kind: 'leave'; readonly folder: number; readonly name: string }
    | {
        readonly kind: 'move';
        readonly from: number;
        readonly fromName: string;
        readonly folder: number;
        readonly name: string;
        readonly ino: number;
      }
    | { readonly kind: 'write'; readonly ino: number; readonly at: number; readonly bytes: Buffer }
    | { readonly kind: 'cut'; readonly ino: number; readonly sizeBytes: number }
    | {
        readonly kind: 'meta';
        readonly ino: number;
        readonly change: Partial<Pick<Inode, 'mode' | 'uid' | 'gid' | 'mtimeNs'>>;
      }
    /** `what` null: everything. `dataOnly`: as fdatasync, which may leave modes and times behind. */
    | { readonly kind: 'sync'; readonly what: number | null; readonly dataOnly: boolean; readonly machine: boolean }
  );

export type Change = Exclude<Operation, { kind: 'sync' }>;

/** What has to be synced before an operation outlives a power cut: each of these. */
export function restsOn(op: Change): readonly number[] {
  switch (op.kind) {
    case 'enter':
    case 'leave':
      return [op.folder];
    case 'move':
      // A rename is one thing, so it is safe once both folders are: more than any file system asks for.
      return op.from === op.folder ? [op.folder] : [op.from, op.folder];
    default:
      return [op.ino];
  }
}

/** True when a sync makes an operation safe that came before it, as far as one inode of it goes. */
export const covers = (sync: Operation & { kind: 'sync' }, op: Change, ino: number): boolean =>
  sync.what === null || (sync.what === ino && !(sync.dataOnly && op.kind === 'meta'));

/** The disk after some operations, of which any may have been left out. */
export function apply(disk: Disk, ops: Iterable<Change>): Disk {
  const now = new Map(disk);
  const change = (ino: number, how: (inode: Inode) => Partial<Inode>) => {
    const inode = now.get(ino);
    if (!inode) throw new Error(`no inode ${ino}`);
    now.set(ino, { ...inode, ...how(inode) });
  };
  const rename = (folder: number, atNs: bigint, how: (entries: Map<string, number>) => void) =>
    change(folder, (inode) => {
      const entries = new Map(inode.entries);
      how(entries);
      return { entries, mtimeNs: atNs };
    });
  for (const op of ops) {
    switch (op.kind) {
      case 'enter':
        rename(op.folder, op.atNs, (entries) => entries.set(op.name, op.ino));
        break;
      case 'leave':
        rename(op.folder, op.atNs, (entries) => entries.delete(op.name));
        break;
      case 'move':
        rename(op.from, op.atNs, (entries) => entries.get(op.fromName) === op.ino && entries.delete(op.fromName));
        rename(op.folder, op.atNs, (entries) => entries.set(op.name, op.ino));
        break;
      case 'write':
        change(op.ino, ({ data }) => ({ data: written(data, op), mtimeNs: op.atNs }));
        break;
      case 'cut':
        change(op.ino, ({ data }) => {
          const resized = Buffer.alloc(op.sizeBytes);
          data.copy(resized);
          return { data: resized, mtimeNs: op.atNs };
        });
        break;
      case 'meta':
        change(op.ino, () => op.change);
    }
  }
  return now;
}

/** The same bytes again and again, as each point has most of what the one before had. */
const results = new WeakMap<Buffer, WeakMap<object, Buffer>>();

function written(data: Buffer, op: { readonly at: number; readonly bytes: Buffer }): Buffer {
  const known = results.get(data)?.get(op.bytes);
  if (known) return known;
  const grown = Buffer.alloc(Math.max(data.length, op.at + op.bytes.length));
  data.copy(grown);
  op.bytes.copy(grown, op.at);
  results.set(data, (results.get(data) ?? new WeakMap()).set(op.bytes, grown));
  return grown;
}

/** The disk before any operation, with everything that will be born on it, nameless and empty. */
export function withUnborn(disk: Disk, ops: readonly Operation[]): Disk {
  const all = new Map(disk);
  for (const op of ops) if (op.kind === 'enter' && op.born) all.set(op.ino, op.born);
  return all;
}

/** The inode at a path, or undefined. */
export function find(disk: Disk, path: string): Inode | undefined {
  let inode = disk.get(top);
  for (const name of path.split('/').filter(Boolean)) {
    const ino = inode?.entries.get(name);
    inode = ino === undefined ? undefined : disk.get(ino);
  }
  return inode;
}

/** All names below a folder with what they name, each folder before what is in it. */
export function* walk(
  disk: Disk,
  ino = top,
  path = '',
  above: readonly number[] = [],
): Generator<[string, Inode, number]> {
  // Two operations of which one is lost can make a folder its own parent; a file system check would cut it off.
  if (above.includes(ino)) return;
  for (const [name, child] of sorted(disk.get(ino)!)) {
    const inner = disk.get(child)!;
    yield [`${path}/${name}`, inner, child];
    if (inner.kind === 'folder') yield* walk(disk, child, `${path}/${name}`, [...above, ino]);
  }
}

const orders = new WeakMap<Inode, readonly [string, number][]>();
function sorted(folder: Inode): readonly [string, number][] {
  const known = orders.get(folder) ?? [...folder.entries].sort(([a], [b]) => (a < b ? -1 : 1));
  orders.set(folder, known);
  return known;
}

const hashes = new WeakMap<Buffer, string>();
function hashOf(data: Buffer): string {
  const known = hashes.get(data) ?? createHash('sha1').update(data).digest('base64');
  hashes.set(data, known);
  return known;
}

const looks = new WeakMap<Inode, string>();
function lookOf(inode: Inode): string {
  const { kind, mode, uid, gid, data } = inode;
  const known = looks.get(inode) ?? `${kind} ${mode} ${uid} ${gid} ${hashOf(data)}`;
  looks.set(inode, known);
  return known;
}

/**
 * The same for two disks that nobody could tell apart.
 * @param timed whose time of change counts
 * @param skip what does not count at all
 */
export function digest(disk: Disk, timed = (_: string) => true, skip = (_: string) => false): string {
  const links = new Map<number, number>();
  let text = '';
  for (const [path, inode, ino] of walk(disk)) {
    if (skip(path)) continue;
    if (inode.kind === 'file' && !links.has(ino)) links.set(ino, links.size);
    text += `${path}\0${lookOf(inode)} ${timed(path) ? inode.mtimeNs : ''} ${links.get(ino) ?? ''}\n`;
  }
  return createHash('sha1').update(text).digest('base64');
}
