import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { basename } from 'node:path';
import type { Context } from 'koa';
import { ifRangeHolds, judgeConditions } from './conditions.ts';
import { wantedRange } from './range.ts';
import { refuse } from './refuse.ts';

/** How an answer with a file is labelled. */
export interface FileLabel {
  readonly type: string;
  readonly cacheControl: string;
  /** Saved under its own name by a browser or `wget --content-disposition`. */
  readonly attachment: boolean;
}

/** Bytes of a file to send, both ends included. */
interface Part {
  readonly first: number;
  readonly last: number;
}

/**
 * Answers a GET or HEAD with one regular file: whole, one range of it, or 304, 404, 412 or 416.
 * It is streamed as fast as the client reads, from one open file, so that a client gets all of it even when it is
 * withdrawn meanwhile.
 */
export async function sendFile(ctx: Context, path: string, label: FileLabel, nowMs: number): Promise<void> {
  const handle = await openNoFollow(path);
  if (handle === undefined) return refuse(ctx, 404);
  let streaming = false;
  try {
    const stat = await handle.stat({ bigint: true });
    if (!stat.isFile()) return refuse(ctx, 404);
    const part = decide(ctx, stat, nowMs);
    if (ctx.status >= 400) return;
    ctx.set('Cache-Control', label.cacheControl);
    ctx.set('Content-Type', label.type);
    if (label.attachment) ctx.set('Content-Disposition', `attachment; filename="${basename(path)}"`);
    if (ctx.length === 0) ctx.body = ''; // or Koa would write the status in words
    if (part === undefined) return;
    if (part.last - part.first < shortBytes) {
      ctx.body = await readShort(ctx, handle, part);
      return;
    }
    ctx.respond = false; // Koa is done with it
    streaming = true;
    stream(ctx, handle, part).catch((error) => ctx.app.emit('error', error));
  } finally {
    if (!streaming) await handle.close();
  }
}

/** Undefined: no such file. O_NOFOLLOW: a link is none here. O_NONBLOCK: opening a pipe that has no writer would wait for ever. */
export async function openNoFollow(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    // Not there; a link; a socket. Anything else (no permission, a bad disk) is for the log and a 503.
    if (['ENOENT', 'ELOOP', 'ENXIO'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** Sets status and the headers that depend on the file; gives the bytes to send, or undefined when there are none. */
function decide(ctx: Context, stat: BigIntStats, nowMs: number): Part | undefined {
  const validators = validatorsOf(stat, nowMs);
  const verdict = judgeConditions(ctx.req.headers, validators);
  if (verdict === 412) return refused(ctx, 412);
  ctx.set('ETag', validators.etag);
  ctx.set('Last-Modified', new Date(validators.modifiedMs).toUTCString());
  ctx.set('Accept-Ranges', 'bytes');
  ctx.status = verdict;
  if (verdict === 304) return undefined;

  const sizeBytes = Number(stat.size);
  // RFC 9110 section 14.2: Range has no meaning but for GET.
  const ranged = ctx.method === 'GET' && ifRangeHolds(ctx.get('If-Range'), validators, nowMs);
  const wanted = ranged ? wantedRange(ctx.get('Range'), sizeBytes) : 'whole';
  if (wanted === 'unsatisfiable') {
    ctx.set('Content-Range', `bytes */${sizeBytes}`);
    return refused(ctx, 416);
  }
  if (wanted !== 'whole') {
    ctx.status = 206;
    ctx.set('Content-Range', `bytes ${wanted.first}-${wanted.last}/${sizeBytes}`);
  }
  const part = wanted === 'whole' ? { first: 0, last: sizeBytes - 1 } : wanted;
  ctx.length = part.last - part.first + 1;
  return ctx.method === 'HEAD' || sizeBytes === 0 ? undefined : part;
}

/**
 * HTTP dates have whole seconds; the tag also tells apart what was replaced within one.
 * RFC 9110 section 8.8.2.1: Last-Modified is never later than the answer.
 */
const validatorsOf = ({ size, mtimeNs, mtimeMs, ino }: BigIntStats, nowMs: number) => ({
  etag: `"${[size, mtimeNs, ino].map((n) => n.toString(36)).join('-')}"`,
  modifiedMs: Math.floor(Math.min(Number(mtimeMs), nowMs) / 1000) * 1000,
});

function refused(ctx: Context, status: 412 | 416): undefined {
  refuse(ctx, status);
}

/** Answered in one piece. */
const shortBytes = 16 * 1024;
/** All that a download takes of the memory, however slow it is. */
const bufferBytes = 64 * 1024;

async function readShort(ctx: Context, handle: FileHandle, { first, last }: Part): Promise<Buffer | null> {
  const bytes = Buffer.alloc(last - first + 1);
  const { bytesRead } = await handle.read(bytes, 0, bytes.length, first);
  if (bytesRead === bytes.length) return bytes;
  ctx.res.destroy();
  return null;
}

/**
 * Sends a part of a file, piece by piece through one buffer, each when the network has taken the one before; closes
 * the file. Streams of Node would leave one buffer after the other to the garbage collector.
 */
async function stream(ctx: Context, handle: FileHandle, { first, last }: Part): Promise<void> {
  const { res } = ctx;
  try {
    const buffer = Buffer.allocUnsafeSlow(bufferBytes);
    for (let at = first; at <= last; ) {
      const { bytesRead } = await handle.read(buffer, 0, Math.min(bufferBytes, last - at + 1), at);
      // A file cut short under our hands: break the connection, or the next answer would be taken for its missing bytes.
      if (bytesRead === 0 || !(await isTaken(res, buffer.subarray(0, bytesRead)))) return void res.destroy();
      at += bytesRead;
    }
    res.end();
  } catch (error) {
    res.destroy();
    throw error;
  } finally {
    await handle.close();
  }
}

/** Whether the network has taken it all; false when the client has left. */
function isTaken(res: ServerResponse, bytes: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (taken: boolean) => {
      res.off('close', left);
      resolve(taken);
    };
    const left = () => end(false);
    if (res.req.socket.destroyed) return void resolve(false);
    // Of an answer that waits behind others the callback may never come.
    res.once('close', left);
    res.write(bytes, (error) => end(!error));
  });
}
