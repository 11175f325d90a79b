import type { Context, Middleware } from 'koa';
import { indexFolder } from '../../protocol/component-index.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { type Answer, badRequest, Refusal, refusal, tooBusy } from './answer.ts';
import { buildRequests, type Kind, type Parts } from './build-requests.ts';
import { answerCheck } from './check.ts';
import { listFiles, sendImageFile, sendIndexFile } from './files.ts';
import { bodyMs, clientOf, maxBodies, maxBodyBytes, places } from './limits.ts';
import { reads } from './reads.ts';
import { isObject } from './request.ts';

const corsHeaders = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': 'X-Imagebuilder-Status, X-Build-Queue-Position, X-Unknown-Package',
};
const preflightHeaders = {
  'Access-Control-Allow-Methods': 'GET, HEAD, POST, OPTIONS',
  'Access-Control-Allow-Headers': 'Content-Type, Range, If-Range, If-None-Match',
  'Access-Control-Max-Age': '86400',
};

const kinds: Readonly<Record<string, Kind>> = { '/api/upgrade-request': 'upgrade', '/api/build-request': 'build' };

/** The API as a layer of the server's application: it answers below /api, /json, /download and /components, and passes on the rest. */
export function attendedApi(parts: Parts): Middleware {
  const requests = buildRequests(parts);
  const bodies = places(maxBodies);

  async function answer(ctx: Context, path: string): Promise<Answer | undefined> {
    if (ctx.method === 'OPTIONS') return { status: 204, headers: preflightHeaders };
    if (ctx.method === 'POST') return post(ctx, path);
    if (ctx.method === 'GET' || ctx.method === 'HEAD') return get(ctx, path);
    throw refusal(405, 'method not allowed', { Allow: 'GET, HEAD, POST, OPTIONS' });
  }

  async function post(ctx: Context, path: string): Promise<Answer> {
    const kind = kinds[path];
    if (kind === undefined && path !== '/api/upgrade-check')
      throw refusal(405, 'nothing takes a POST here', { Allow: 'GET, HEAD, OPTIONS' });
    const body = await bodies.within(
      () => readBody(ctx),
      () => {
        throw tooBusy('too many requests at once', 5);
      },
    );
    if (kind === undefined) return answerCheck(body, await parts.store.offer());
    return requests.post(kind, body, clientAddress(ctx), publicUrl(ctx));
  }

  async function get(ctx: Context, path: string): Promise<Answer | undefined> {
    const [, area, first = '', name = '', ...more] = path.split('/');
    const kind = kinds[`/${area}/${first}`];
    if (area === indexFolder && !name) return sendIndexFile(ctx, parts.store.dir, first, parts.nowMs());
    if (more.length === 0 && kind) return name ? requests.get(kind, name, publicUrl(ctx)) : incompleteRequest;
    if (more.length === 0 && (area === 'json' || area === 'download') && name) {
      return sendImageFile(ctx, parts.images, first, name, parts.nowMs());
    }
    if (area === 'json' && !name) return listFiles(parts.images, first);
    const read = reads[path] ?? (more.length === 0 ? reads[`/${area}/${first}/:hash`] : undefined);
    return read?.(parts, new URLSearchParams(ctx.querystring), name) ?? { status: 404, body: {} };
  }

  function clientAddress(ctx: Context): string {
    const forwarded = parts.settings.behind_proxy ? ctx.get('X-Forwarded-For').split(',').at(-1)?.trim() : '';
    return clientOf(forwarded || ctx.req.socket.remoteAddress || '');
  }

  /** Without its setting as the request names the server: a false name harms nobody but who sent it. */
  function publicUrl(ctx: Context): string {
    if (parts.settings.public_url !== undefined) return parts.settings.public_url;
    const host = ctx.get('Host');
    if (/^([A-Za-z0-9.-]{1,100}|\[[0-9a-f:.]{2,45}\])(:\d{1,5})?$/i.test(host)) return `http://${host}`;
    throw badRequest('the Host header is missing or wrong');
  }

  return async (ctx, next) => {
    // Clients put "server/" and "/path" together.
    const path = ctx.path.replace(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '');
    const area = /^\/(api|json|download|components)(?=\/|$)/.exec(path)?.[0];
    if (area === undefined) return next();
    ctx.state.route = `${area}/*`;
    ctx.set(corsHeaders);
    ctx.set('Cache-Control', 'no-store');
    const given = await answer(ctx, path).catch((error: unknown) => answerOf(error, ctx));
    if (given) send(ctx, given);
  };
}

const incompleteRequest: Answer = { status: 400, body: { error: 'missing parameter: request_hash' } };

function answerOf(error: unknown, ctx: Context): Answer {
  if (error instanceof Refusal) return error.answer;
  ctx.app.emit('error', error);
  // A store that cannot be read, an index that has expired, a disk that is full: nothing that the client could mend.
  const { syscall } = error as NodeJS.ErrnoException;
  if (error instanceof UpdateError || syscall !== undefined)
    return tooBusy('builds are not possible at the moment', 300).answer;
  return { status: 500, body: { error: 'internal error' } };
}

function send(ctx: Context, { status, headers = {}, body }: Answer): void {
  ctx.status = status;
  ctx.set(headers);
  if (body === undefined) {
    ctx.body = null;
    ctx.status = status;
    return;
  }
  for (const name of ['Content-Disposition', 'Content-Length', 'ETag', 'Last-Modified']) ctx.remove(name);
  ctx.set('Content-Type', 'application/json; charset=utf-8');
  ctx.body = `${JSON.stringify(body)}\n`;
  // What was not read of the request would be taken for the next one.
  if (!ctx.req.complete && status >= 400) ctx.set('Connection', 'close');
}

/** @throws Refusal 400 */
async function readBody(ctx: Context): Promise<Record<string, unknown>> {
  if (Number(ctx.get('Content-Length')) > maxBodyBytes) throw badRequest(`a request has ${maxBodyBytes} bytes at most`);
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  const timer = setTimeout(() => ctx.req.destroy(), bodyMs);
  try {
    for await (const chunk of ctx.req as AsyncIterable<Buffer>) {
      sizeBytes += chunk.length;
      if (sizeBytes > maxBodyBytes) throw badRequest(`a request has ${maxBodyBytes} bytes at most`);
      chunks.push(chunk);
    }
  } finally {
    clearTimeout(timer);
  }
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)));
  } catch {
    throw badRequest('the request is not JSON');
  }
  if (isObject(json)) return json;
  throw badRequest('the request should be a JSON object');
}
