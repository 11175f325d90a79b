import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from 'koa';
import { sendFile } from '../send-file.ts';
import type { Answer } from './answer.ts';
import type { Images } from './images.ts';
import { hashPattern } from './plan.ts';

const unknown: Answer = { status: 404, body: {} };

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
    type: isText ? 'text/plain; charset=utf-8' : 'application/octet-stream',
    cacheControl: 'no-store',
    attachment: !isText,
  };
  const used = images.use(image);
  ctx.res.once('close', used);
  await sendFile(ctx, join(images.dir, hash, name), label, nowMs);
  const { status } = ctx;
  return status >= 400 ? { status, body: { error: 'this part of the file cannot be sent' } } : undefined;
}
