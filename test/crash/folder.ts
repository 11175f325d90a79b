/** From the model of a disk to a real folder, and back. */
import {
  chmodSync,
  chownSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Disk, type Inode, top, walk } from './disk.ts';

const root = process.geteuid?.() === 0;

/** Makes a folder be exactly that disk. */
export function writeDisk(folder: string, disk: Disk): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 50, retryDelay: 5 });
  mkdirSync(folder);
  const first = new Map<number, string>();
  const folders: [string, Inode][] = [];
  for (const [path, inode, ino] of walk(disk)) {
    const place = join(folder, path);
    const known = first.get(ino);
    if (known !== undefined && inode.kind !== 'folder') linkSync(known, place);
    else if (inode.kind === 'folder') {
      mkdirSync(place);
      folders.push([place, inode]);
    } else if (inode.kind === 'link') symlinkSync(inode.data.toString(), place);
    else {
      writeFileSync(place, inode.data);
      dress(place, inode);
    }
    if (inode.kind === 'link') {
      if (root) lchownSync(place, inode.uid, inode.gid);
      lutimesSync(place, secondsOf(inode), secondsOf(inode));
    }
    first.set(ino, place);
  }
  // Inner ones first, as each name that is made touches its folder's time.
  for (const [place, inode] of folders.reverse()) dress(place, inode);
}

function dress(place: string, inode: Inode): void {
  if (root) chownSync(place, inode.uid, inode.gid);
  chmodSync(place, inode.mode);
  utimesSync(place, secondsOf(inode), secondsOf(inode));
}

const secondsOf = ({ mtimeNs }: Inode): number => Number(mtimeNs / 1000n) / 1e6;

/** Reads a folder as a disk; the numbers are the file system's own but for the top. */
export function readDisk(folder: string): Disk {
  const disk = new Map<number, Inode>();
  const numbers = new Map<bigint, number>();
  const read = (place: string): number => {
    const stat = lstatSync(place, { bigint: true });
    const known = numbers.get(stat.ino);
    if (known !== undefined) return known;
    const number = numbers.size + top;
    numbers.set(stat.ino, number);
    const entries = new Map<string, number>();
    if (stat.isDirectory()) for (const name of readdirSync(place).sort()) entries.set(name, read(join(place, name)));
    disk.set(number, {
      kind: stat.isDirectory() ? 'folder' : stat.isSymbolicLink() ? 'link' : 'file',
      mode: Number(stat.mode) & 0o7777,
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      mtimeNs: stat.mtimeNs,
      data: stat.isFile()
        ? readFileSync(place)
        : stat.isSymbolicLink()
          ? Buffer.from(readlinkSync(place))
          : Buffer.alloc(0),
      entries,
    });
    return number;
  };
  read(folder);
  return disk;
}
