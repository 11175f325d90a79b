import { once } from 'node:events';
import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from 'koa';
import { readBody } from './body.ts';
import { Refusal } from './refuse.ts';

/** The daemon asks its server before it answers some of these. */
const answerMs = 15 * 60_000;
/** Without a byte of an upload, on either side. */
const silenceMs = 60_000;
/** For what is still on its way of an upload that was refused. */
const discardMs = 2_000;
const maxBodyBytes = 64 * 1024;

/** Hands a request on to the daemon as it is, and its answer back. @throws Refusal DAEMON_AWAY */
export async function forward(ctx: Context, socketPath: string, path: string): Promise<void> {
  const body = ctx.method === 'POST' ? await readBody(ctx.req, maxBodyBytes) : Buffer.alloc(0);
  const headers = { 'content-type': 'application/json', 'content-length': body.length };
  const sent = request({ socketPath, method: ctx.method, path, headers, agent: false, timeout: answerMs });
  sent.end(body);
  answerWith(ctx, await answerTo(ctx, sent));
}

/** The same with a body of any length, which goes through as fast as the daemon takes it. */
export async function forwardStream(ctx: Context, socketPath: string, path: string): Promise<void> {
  const options: RequestOptions = { socketPath, method: 'PUT', path, agent: false, timeout: silenceMs };
  const length = ctx.get('content-length');
  // Closed by us: a daemon that closes right behind its answer would make the last write an error, and the answer lost.
  const headers = { connection: 'keep-alive', ...(length ? { 'content-length': length } : {}) };
  const sent = request({ ...options, headers });
  ctx.req.setTimeout(silenceMs, () => ctx.req.destroy());
  // A browser that goes away in the middle must not look like one that has said it all.
  ctx.req.once('close', () => ctx.req.complete || sent.destroy());
  ctx.req.pipe(sent);
  const answer = await answerTo(ctx, sent);
  // Refused before all of it came: nobody reads the rest.
  if (!ctx.req.complete) {
    ctx.req.unpipe(sent).resume();
    ctx.set('Connection', 'close');
    // Who still sends when the connection is closed does not hear why.
    await Promise.race([once(ctx.req, 'close'), sleep(discardMs, undefined, { ref: false })]).catch(() => {});
  }
  answerWith(ctx, answer);
}

function answerTo(ctx: Context, sent: ReturnType<typeof request>): Promise<IncomingMessage> {
  ctx.res.once('close', () => sent.destroy());
  sent.once('timeout', () => sent.destroy());
  return new Promise((resolve, reject) => {
    sent.once('response', resolve);
    sent.on('error', () => reject(new Refusal('DAEMON_AWAY')));
  });
}

function answerWith(ctx: Context, answer: IncomingMessage): void {
  ctx.status = answer.statusCode ?? 502;
  ctx.type = 'application/json';
  ctx.body = answer;
}
