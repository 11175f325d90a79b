/** When two boxes are alike: they differ in nothing that decides, so what comes of the one comes of the other. */
import { type Disk, digest, find, type Inode } from './disk.ts';
import { isIgnored } from './operations.ts';

/** The same for boxes that are alike. Times count where an update puts them back, and nowhere else. */
export function likeness(disk: Disk): string {
  const boot = find(disk, '/run/boot_id')?.data.toString().trim() ?? '';
  const alike = [...disk].map(([ino, inode]) => [ino, isJson(inode) ? timeless(inode, boot) : inode] as const);
  return digest(new Map(alike), isTimed, isNoMatter);
}

const isTimed = (path: string) => /^\/(usr|etc)\//.test(path);
const isNoMatter = (path: string) =>
  isIgnored(path) || /^\/run\/(boot_id|opq-updater\/(heartbeat|checks\.json))$/.test(path);

export const isJson = ({ kind, data }: Inode): boolean => kind === 'file' && data[0] === 0x7b;

const known = new WeakMap<Inode, { readonly boot: string; readonly inode: Inode }>();

/** Without its times; and of a boot only whether it is the present one. */
function timeless(inode: Inode, boot: string): Inode {
  const before = known.get(inode);
  if (before?.boot === boot) return before.inode;
  const text = inode.data
    .toString()
    .replace(/"\d{4}-\d\d-\d\dT[^"]*"/g, '"time"')
    .replace(/"(seconds|outage_?[sS]|stoppedAtMs)":(\{[^}]*\}|[^,}]*)/g, '"$1":0')
    .replace(/"(bootId|boot_id)":"([^"]*)"/g, (_, key, id) => `"${key}":"${id && (id === boot ? 'this' : 'another')}"`);
  const made = { ...inode, data: Buffer.from(text) };
  known.set(inode, { boot, inode: made });
  return made;
}
