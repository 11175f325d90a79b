/**
 * The log that QEMU's `blklogwrites` keeps of a disk: every write, discard and flush in the order in which they were
 * done. A sector about all of it, then of each entry a sector about it and the data.
 * @see https://docs.kernel.org/admin-guide/device-mapper/log-writes.html "Log Ordering", and QEMU's block/blklogwrites.c
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

export interface Entry {
  readonly kind: 'write' | 'discard' | 'flush';
  /** Where on the disk, bytes. */
  readonly at: number;
  readonly sizeBytes: number;
  /** Where its data begins in the log. */
  readonly dataAt: number;
  /** On the disk without a flush: "force unit access". */
  readonly forced: boolean;
  /** Length of the log up to and with it. */
  readonly endsAt: number;
}

const magic = 0x6a736677736872n;
const flags = { flush: 1n, forced: 2n, discard: 4n, mark: 8n } as const;

/**
 * The entries of a log, oldest first. How many it says itself is not believed: it is written now and then, and QEMU
 * may have been killed since.
 * @throws when it is no such log
 */
export function readLog(path: string): Entry[] {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const head = Buffer.alloc(32);
    readSync(file, head, 0, head.length, 0);
    const sectorBytes = head.readUInt32LE(24);
    if (head.readBigUInt64LE() !== magic || head.readBigUInt64LE(8) !== 1n || sectorBytes < 512)
      throw new Error(`Expected a log of writes in ${path}, version 1, found ${head.toString('hex')}.`);
    const entries: Entry[] = [];
    for (let at = sectorBytes; at + sectorBytes <= size; ) {
      readSync(file, head, 0, head.length, at);
      const flag = head.readBigUInt64LE(16);
      const sizeBytes = Number(head.readBigUInt64LE(8)) * sectorBytes;
      const dataAt = at + sectorBytes;
      const hasData = (flag & (flags.discard | flags.mark)) === 0n;
      const endsAt = dataAt + (hasData ? sizeBytes : Number(head.readBigUInt64LE(24)));
      if (endsAt > size) break; // killed while it was written
      const common = { at: Number(head.readBigUInt64LE()) * sectorBytes, dataAt, endsAt };
      // One that carries data too is done before it.
      if (flag & flags.flush) entries.push({ ...common, kind: 'flush', sizeBytes: 0, forced: false });
      const forced = (flag & flags.forced) !== 0n;
      if (sizeBytes > 0 && !(flag & flags.mark))
        entries.push({ ...common, kind: flag & flags.discard ? 'discard' : 'write', sizeBytes, forced });
      at = endsAt;
    }
    return entries;
  } finally {
    closeSync(file);
  }
}
