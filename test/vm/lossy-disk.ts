/**
 * A disk that really loses its write cache. A killed QEMU takes the guest's memory with it, but what had reached QEMU
 * stays, in order; an SD card may also lose, or keep in any order, all that it was sent since the last flush. Served
 * to QEMU as a network block device on a unix socket; all changes are in this process's memory.
 * @see https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md "fixed newstyle", simple replies
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Written whole or not at all, unless it is torn; then by sectors. */
const blockBytes = 4096;
const sectorBytes = 512;
/** Of the blocks that are kept. */
const tornShare = 0.2;

export type LossyDisk = Awaited<ReturnType<typeof openLossyDisk>>;

/**
 * @param raw the disk as it is at first; only read
 */
export async function openLossyDisk(raw: string) {
  // The path of a unix socket has at most 107 bytes, and a checkout may lie deep.
  const folder = await mkdtemp(join(tmpdir(), 'opq-vm-'));
  const socket = join(folder, 'disk');
  const file = await open(raw, 'r');
  const { size } = await file.stat();
  const flushed = new Map<number, Buffer>();
  /** Each version of a block since the last flush, oldest first. */
  const cached = new Map<number, Buffer[]>();

  async function onDisk(block: number): Promise<Buffer> {
    const known = flushed.get(block);
    if (known) return known;
    const bytes = Buffer.alloc(blockBytes);
    await file.read(bytes, 0, blockBytes, block * blockBytes);
    return bytes;
  }
  const changed = (block: number): Buffer | undefined => cached.get(block)?.at(-1) ?? flushed.get(block);
  const now = async (block: number): Promise<Buffer> => changed(block) ?? onDisk(block);

  const device: Device = {
    size,
    async read(offset, length) {
      const bytes = Buffer.alloc(length);
      // All at once: asking for each block would make a boot take minutes.
      await file.read(bytes, 0, length, offset);
      let done = 0;
      for (const { block, from, to } of blocksOf(offset, length)) {
        changed(block)?.copy(bytes, done, from, to);
        done += to - from;
      }
      return bytes;
    },
    async write(offset, data) {
      let done = 0;
      for (const { block, from, to } of blocksOf(offset, data.length)) {
        const bytes = Buffer.from(await now(block));
        done += data.copy(bytes, from, done, done + to - from);
        cached.set(block, [...(cached.get(block) ?? []), bytes]);
      }
    },
    flush() {
      for (const [block, versions] of cached) flushed.set(block, versions.at(-1)!);
      cached.clear();
    },
  };
  const server = createServer((connection) => {
    serve(connection, device).catch(() => connection.destroy()); // QEMU was killed in the middle of a word
  });
  server.listen(socket);
  await once(server, 'listening');

  return {
    /** What QEMU takes for a disk. */
    address: `nbd:${socket}`,
    /** After the machine was cut: each block not flushed becomes any of its versions, torn, or stays as it was. */
    async lose(random: () => number): Promise<{ readonly unflushed: number; readonly lost: number }> {
      const unflushed = cached.size;
      let lost = 0;
      for (const [block, versions] of cached) {
        const all = [await onDisk(block), ...versions];
        const kept = Math.floor(random() * all.length);
        if (kept < all.length - 1) lost += 1;
        const torn = kept > 0 && random() < tornShare;
        const cut = torn
          ? sectorBytes * (1 + Math.floor((random() * (blockBytes - sectorBytes)) / sectorBytes))
          : blockBytes;
        const before = all[Math.max(0, kept - 1)]!;
        flushed.set(block, Buffer.concat([all[kept]!.subarray(0, cut), before.subarray(cut)]));
      }
      cached.clear();
      return { unflushed, lost };
    },
    /** Writes it to a file as it is now. */
    async save(to: string): Promise<void> {
      await promisify(execFile)('cp', ['--sparse=always', raw, to]);
      const copy = await open(to, 'r+');
      for (const [block, bytes] of flushed) await copy.write(bytes, 0, blockBytes, block * blockBytes);
      await copy.close();
    },
    async close(): Promise<void> {
      server.close();
      await file.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Device {
  readonly size: number;
  read(offset: number, length: number): Promise<Buffer>;
  write(offset: number, data: Buffer): Promise<void>;
  flush(): void;
}

function* blocksOf(offset: number, length: number) {
  for (let at = offset; at < offset + length; ) {
    const block = Math.floor(at / blockBytes);
    const end = Math.min((block + 1) * blockBytes, offset + length);
    yield { block, from: at - block * blockBytes, to: end - block * blockBytes };
    at = end;
  }
}

const magic = { hello: Buffer.from('NBDMAGICIHAVEOPT'), option: 0x3e889045565a9n, reply: 0x67446698 };
const options = { exportName: 1, abort: 2, info: 6, go: 7 } as const;
const answers = { ack: 1, info: 3, unsupported: 0x80000001 } as const;
/** There are flags; flush is understood; so is "force unit access". */
const flags = 1 | 4 | 8;
const commands = { read: 0, write: 1, disconnect: 2, flush: 3 } as const;
const forceUnitAccess = 1;
const invalid = 22;

/** One request after the other, as a card does. */
async function serve(connection: Socket, device: Device): Promise<void> {
  connection.on('error', () => {}); // told by the end of the data
  const take = reader(connection);
  connection.write(Buffer.concat([magic.hello, Buffer.from([0, 3])]));
  const client = await take(4);
  if (!(await agree(connection, take, device.size, (client.readUInt32BE() & 2) === 0))) return;
  for (;;) {
    const request = await take(28);
    const [flagsOfIt, type] = [request.readUInt16BE(4), request.readUInt16BE(6)];
    const [offset, length] = [Number(request.readBigUInt64BE(16)), request.readUInt32BE(24)];
    let data: Buffer = Buffer.alloc(0);
    let error = 0;
    if (type === commands.read) data = await device.read(offset, length);
    else if (type === commands.write) await device.write(offset, await take(length));
    else if (type === commands.disconnect) return void connection.end();
    else if (type !== commands.flush) error = invalid;
    // Flushing all the rest with it is allowed.
    if (type === commands.flush || (type === commands.write && flagsOfIt & forceUnitAccess)) device.flush();
    const head = Buffer.alloc(8);
    head.writeUInt32BE(magic.reply);
    head.writeUInt32BE(error, 4);
    connection.write(Buffer.concat([head, request.subarray(8, 16), data]));
  }
}

/** @returns whether requests follow */
async function agree(connection: Socket, take: Take, size: number, zeroes: boolean): Promise<boolean> {
  const about = Buffer.alloc(10);
  about.writeBigUInt64BE(BigInt(size));
  about.writeUInt16BE(flags, 8);
  for (;;) {
    const head = await take(16);
    const option = head.readUInt32BE(8);
    await take(head.readUInt32BE(12));
    const answer = (type: number, data = Buffer.alloc(0)) => {
      const reply = Buffer.alloc(20);
      reply.writeBigUInt64BE(magic.option);
      reply.writeUInt32BE(option, 8);
      reply.writeUInt32BE(type, 12);
      reply.writeUInt32BE(data.length, 16);
      connection.write(Buffer.concat([reply, data]));
    };
    switch (option) {
      case options.exportName:
        connection.write(zeroes ? Buffer.concat([about, Buffer.alloc(124)]) : about);
        return true;
      case options.abort:
        answer(answers.ack);
        connection.end();
        return false;
      case options.info:
      case options.go:
        answer(answers.info, Buffer.concat([Buffer.from([0, 0]), about]));
        answer(answers.ack);
        if (option === options.go) return true;
        break;
      default:
        answer(answers.unsupported);
    }
  }
}

type Take = (bytes: number) => Promise<Buffer>;

/** So many bytes, as soon as they are there. @throws when the other side hung up */
function reader(connection: Socket): Take {
  const chunks = connection[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let pieces: Buffer[] = [];
  let there = 0;
  return async (bytes) => {
    while (there < bytes) {
      const { value, done } = await chunks.next();
      if (done) throw new Error('The machine hung up.');
      pieces.push(value);
      there += value.length;
    }
    const all = Buffer.concat(pieces);
    pieces = [all.subarray(bytes)];
    there -= bytes;
    return all.subarray(0, bytes);
  };
}
