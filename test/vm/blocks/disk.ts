import { execFile } from 'node:child_process';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Entry } from './log.ts';
import { lastFlush, type Point } from './points.ts';

const run = promisify(execFile);
/** Written whole or not at all, unless it is torn; then by sectors. */
const blockBytes = 4096;
const sectorBytes = 512;
/** Of what reaches the disk. */
const tornShare = 0.2;

/** A copy that a rebuilding may change. */
export async function rawCopy(disk: string, folder: string): Promise<string> {
  const copy = join(folder, 'safe.raw');
  await run('qemu-img', ['convert', '-O', 'raw', disk, copy]);
  return copy;
}

/**
 * Makes the disk as it would have been found had the power failed at some point.
 * @param safe the raw disk before the first entry; becomes what is flushed at each point, and is removed at the end
 */
export function openRebuilding(safe: string, log: string, entries: readonly Entry[]) {
  const disk = `${safe}.cut`;
  const from = openSync(log, 'r');
  let done = 0;

  return {
    /**
     * @param point not before the one that was asked for last
     * @returns a file that the next call makes anew
     */
    async rebuild({ before, what, random }: Point): Promise<string> {
      const flushed = lastFlush(entries, before);
      if (flushed < done) throw new Error(`Expected points in their order, found ${flushed} after ${done}.`);
      write(from, safe, entries.slice(done, flushed));
      done = flushed;
      await run('cp', ['--sparse=always', safe, disk]);
      const rest = what === 'flushed' ? [] : entries.slice(flushed, before);
      write(from, disk, what === 'some' ? rest.flatMap((entry) => survivors(entry, random)) : rest);
      return disk;
    },
    async close(): Promise<void> {
      closeSync(from);
      await Promise.all([safe, disk].map((file) => rm(file, { force: true })));
    },
  };
}

type Piece = Pick<Entry, 'kind' | 'at' | 'sizeBytes' | 'dataAt'>;

function write(from: number, disk: string, pieces: readonly Piece[]): void {
  const to = openSync(disk, 'r+');
  for (const { kind, at, sizeBytes, dataAt } of pieces) {
    // What is discarded reads as zeros.
    const data = Buffer.alloc(sizeBytes);
    if (kind === 'write') readSync(from, data, 0, sizeBytes, dataAt);
    writeSync(to, data, 0, sizeBytes, at);
  }
  closeSync(to);
}

/** What becomes of a write that was not flushed: each of its blocks is on the disk, torn, or not there at all. */
function survivors(entry: Entry, random: () => number): Piece[] {
  if (entry.kind !== 'write' || entry.forced) return [entry];
  const pieces: Piece[] = [];
  for (let at = entry.at; at < entry.at + entry.sizeBytes; ) {
    const end = Math.min((Math.floor(at / blockBytes) + 1) * blockBytes, entry.at + entry.sizeBytes);
    const sectors = (end - at) / sectorBytes;
    const kept = random() < 0.5 ? 0 : random() < tornShare ? Math.floor(random() * sectors) : sectors;
    if (kept > 0)
      pieces.push({ kind: 'write', at, sizeBytes: kept * sectorBytes, dataAt: entry.dataAt + (at - entry.at) });
    at = end;
  }
  return pieces;
}
