import { createHash } from 'node:crypto';
import type { Machine } from './machine.ts';

/** Everything below some folders: path to kind, mode, owner and content (or where a link leads, or attributes). */
export type Tree = Readonly<Record<string, string>>;

/** The folders that an update may change on a box as it is configured here. */
export const updatable = ['/usr/local/box-config-daemon', '/etc/opq', '/etc/systemd/system'] as const;

/** Reads them in the guest, or wherever `ok` runs its shell. Times of change are left out: an install script sets them anew. */
export async function readTree(where: Pick<Machine, 'ok'>, folders: readonly string[] = updatable): Promise<Tree> {
  const [entries = '', sums = '', attributes = ''] = (
    await where.ok(`shopt -s nullglob
      set -- ${folders.join(' ')}
      find "$@" -printf '%y %m %U:%G\\t%p\\t%l\\n'; echo ---
      find "$@" -type f -print0 | xargs -0 --no-run-if-empty sha256sum; echo ---
      getfattr --recursive --physical --dump --match=- --encoding=hex --absolute-names "$@"`)
  ).split(/^---\n/m);
  const tree: Record<string, string> = {};
  for (const line of lines(entries)) {
    const [what = '', path = '', target = ''] = line.split('\t');
    tree[path] = target === '' ? what : `${what} -> ${target}`;
  }
  for (const line of lines(sums)) tree[line.slice(66)] += ` ${line.slice(0, 64)}`;
  let path = '';
  for (const line of lines(attributes)) {
    if (line.startsWith('# file: ')) path = line.slice(8);
    else tree[path] += ` ${line}`;
  }
  return tree;
}

const lines = (text: string): string[] => text.split('\n').filter(Boolean);

/** A file that root made, as `readTree` shows it. */
export const fileEntry = (content: string, mode: '644' | '755'): string =>
  `f ${mode} 0:0 ${createHash('sha256').update(content).digest('hex')}`;
export const folderEntry = 'd 755 0:0';
export const linkEntry = (target: string): string => `l 777 0:0 -> ${target}`;

/** One line for each path in which two trees differ; none when they are the same. */
export function differences(found: Tree, expected: Tree): string[] {
  const paths = [...new Set([...Object.keys(found), ...Object.keys(expected)])].sort();
  return paths
    .filter((path) => found[path] !== expected[path])
    .map((path) => `${path}: expected ${expected[path] ?? 'nothing'}, found ${found[path] ?? 'nothing'}`);
}
