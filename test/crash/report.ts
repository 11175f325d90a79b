/** What is found on a box once it rests. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { HistoryEntry } from '../../protocol/views.ts';
import { releaseRunning, textOf } from './box.ts';
import { type Disk, find, walk } from './disk.ts';
import { readDisk } from './folder.ts';
import { extraFolder, service } from './releases.ts';

export interface Report {
  /** What kept the box from coming to rest, or null. */
  readonly error: string | null;
  /** Everything below /usr and /etc, as one number; with the times of what an update may write. */
  readonly tree: string;
  readonly treeWithTimes: string;
  readonly version: string;
  /** Release whose program the service runs. */
  readonly running: number | null;
  readonly step: string;
  /** Names in the folder of the updater's state, and in the one of its downloads. */
  readonly names: readonly string[];
  readonly downloads: readonly string[];
  /** Newest last. */
  readonly history: readonly Pick<HistoryEntry, 'id' | 'from' | 'to' | 'outcome' | 'because' | 'step'>[];
  readonly floor: number;
  readonly quarantine: readonly number[];
  /** Of the kept snapshot: release that it is of, and whether every byte is there; null when none is kept. */
  readonly previous: { readonly from: string; readonly whole: boolean } | null;
  /** What went wrong with the next update; null when it is confirmed and whole. */
  readonly next: string | null;
  readonly log: readonly string[];
}

/** The part of a report that is read from the disk. */
export function look(root: string): Omit<Report, 'error' | 'next' | 'log'> {
  const disk = readDisk(root);
  const state = find(disk, '/var/lib/opq-updater');
  const journal = JSON.parse(textOf(join(root, 'var/lib/opq-updater/journal.json')) ?? 'null');
  return {
    tree: treeOf(disk, false),
    treeWithTimes: treeOf(disk, true),
    version: (textOf(join(root, 'usr/local/box-config-daemon/VERSION')) ?? '').trim(),
    running: releaseRunning(root, service) ?? null,
    step: journal?.at.step ?? 'none',
    names: [...(state?.entries.keys() ?? [])],
    downloads: [...(find(disk, '/var/opq/updater')?.entries.keys() ?? [])],
    history: linesOf(root, 'history.jsonl').flatMap(entryIn),
    floor: Number.parseInt(textOf(join(root, 'var/lib/opq-updater/floor')) ?? '0', 10) || 0,
    quarantine: JSON.parse(textOf(join(root, 'var/lib/opq-updater/quarantine.json')) ?? '[]').map(
      ({ version }: { version: number }) => version,
    ),
    previous: previousOf(root, disk),
  };
}

const linesOf = (root: string, name: string) =>
  (textOf(join(root, 'var/lib/opq-updater', name)) ?? '').split('\n').filter(Boolean);

/** A line that a cut has torn tells nothing; the updater passes over it too. */
function entryIn(line: string): Report['history'] {
  try {
    return [JSON.parse(line)];
  } catch {
    return [];
  }
}

/** Folders that an update may write: what an undo puts back with its times. */
const writable = ['/usr/local/box-config-daemon', '/etc/systemd/system', `/${extraFolder}`];
const isWritable = (path: string) => writable.some((folder) => path === folder || path.startsWith(`${folder}/`));

export const treeOf = (disk: Disk, times: boolean): string =>
  createHash('sha1').update(treeText(disk, times)).digest('base64');

/** A line for everything below /usr and /etc. */
export function treeText(disk: Disk, times: boolean): string {
  const links = new Map<number, number>();
  let text = '';
  for (const [path, { kind, mode, uid, gid, mtimeNs, data }, ino] of walk(disk)) {
    if (!/^\/(usr|etc)\//.test(path)) continue;
    if (!links.has(ino)) links.set(ino, links.size);
    const when = times && isWritable(path) ? ` ${mtimeNs / 1_000_000n}` : '';
    const hash = createHash('sha1').update(data).digest('hex').slice(0, 12);
    text += `${path} ${kind} ${mode.toString(8)} ${uid}:${gid} ${kind === 'folder' ? '' : `${links.get(ino)} ${hash}`}${when}\n`;
  }
  return text;
}

function previousOf(root: string, disk: Disk): Report['previous'] {
  const folder = '/var/lib/opq-updater/previous';
  if (!existsSync(join(root, folder))) return null;
  const bytes = (name: string) => find(disk, `${folder}/${name}`)?.data;
  const sums = (bytes('SHA256SUMS')?.toString() ?? '').split('\n').filter(Boolean);
  const whole = sums.every((line) => {
    const [sum, name = ''] = line.split('  ');
    return (
      sum ===
      createHash('sha256')
        .update(bytes(name) ?? 'none')
        .digest('hex')
    );
  });
  const from = /^from=(.*)$/m.exec(bytes('about')?.toString() ?? '')?.[1] ?? '';
  return { from, whole: whole && sums.length >= 4 };
}
