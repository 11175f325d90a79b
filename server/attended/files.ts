import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from 'koa';
import { indexName, indexSignatureName } from '../../protocol/component-index.ts';
import { sendFile } from '../send-file.ts';
import type { Answer } from './answer.ts';
import type { Images } from './images.ts';
import { hashPattern } from './plan.ts';

const unknown: Answer = { status: 404, body: {} };
const asText = { type: 'text/plain; charset=utf-8', cacheControl: 'no-store', attachment: false };

/**
 * `/components/index.json` and its `.sig`: what boxes prove images with. As they lie in the store, expired or not: a box
 * judges them by itself, and has to be able to say why it does not take them.
 */
export async function sendIndexFile(
  ctx: Context,
  storeDir: string,
  name: string,
  nowMs: number,
): Promise<Answer | undefined> {
  if (name !== indexName && name !== indexSignatureName) return unknown;
  await sendFile(ctx, join(storeDir, name), asText, nowMs);
  return ctx.status >= 400 ? { status: ctx.status, body: {} } : undefined;
}

/** `/json/<image>/`: what there is of a build, as a web server lists a folder. */
export async function listFiles(images: Images, hash: string): Promise<Answer> {
  const image = hashPattern.test(hash) ? await images.look(hash) : undefined;
  if (image === undefined) return unknown;
  const rows = image.about.files.map(async (name) => {
    const { size, mtime } = await stat(join(images.dir, hash, name));
    return { name, type: 'file', mtime: mtime.toUTCString(), size };
  });
  return { status: 200, body: await Promise.all(rows) };
}

/**
 * `/json/<image>/<file>` and `/download/<image>/<file>`: the bytes. Only what the build made has a name here; nothing
 * from outside is ever joined to a path. Gives an answer when it is not a file that is sent.
 */
export async function sendImageFile(
  ctx: Context,
  images: Images,
  hash: string,
  name: string,
  nowMs: number,
): Promise<Answer | undefined> {
  const image = hashPattern.test(hash) ? await images.look(hash) : undefined;
  if (!image?.about.files.includes(name)) return unknown;
  const isText = name.endsWith('.txt') || name.endsWith('.sig') || name === 'sha256sums';
  const label = {
    ...asText,
    ...(isText ? {} : { type: 'application/octet-stream', attachment: true }),
  };
  const used = images.use(image);
  // Who has left already is not told of again.
  if (ctx.req.socket.destroyed) used();
  else ctx.res.once('close', used);
  await sendFile(ctx, join(images.dir, hash, name), label, nowMs);
  const { status } = ctx;
  return status >= 400 ? { status, body: { error: 'this part of the file cannot be sent' } } : undefined;
}
