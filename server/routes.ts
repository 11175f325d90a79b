import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type Router from 'koa-router';
import { keyChainName } from '../protocol/key-chain.ts';
import { packageName, releaseVersionPattern, signatureName, versionOfPackageName } from '../protocol/version.ts';
import { judgeConditions } from './conditions.ts';
import { health } from './health.ts';
import { refuse } from './refuse.ts';
import { type FileLabel, sendFile } from './send-file.ts';
import type { UpdatesFolder } from './updates-folder.ts';

/** What the answers are made from. */
export interface Site {
  readonly folder: UpdatesFolder;
  readonly nowMs: () => number;
}

type Ctx = Router.RouterContext;
type Answer = (ctx: Ctx, site: Site) => Promise<void>;

/** Packages and signatures never change under their name; everything else moves with each release. */
const immutable = 'public, max-age=31536000, immutable';
const moving = 'no-store';

const labels = {
  package: { type: 'application/octet-stream', cacheControl: immutable, attachment: true },
  signature: { type: 'text/plain; charset=utf-8', cacheControl: immutable, attachment: true },
  releaseFile: { type: 'application/json; charset=utf-8', cacheControl: moving, attachment: false },
  publicKey: { type: 'application/x-pem-file', cacheControl: moving, attachment: false },
} as const satisfies Record<string, FileLabel>;

/** Every path of the server. Of several that fit a request, the first answers. */
export const routes: Readonly<Record<string, Answer>> = {
  '/': async (ctx, { folder, nowMs }) => {
    ctx.set('Cache-Control', moving);
    ctx.body = await health(folder, nowMs);
  },
  '/ls': async (ctx, { folder }) => sendText(ctx, (await folder.list()).map((r) => packageName(r.version)).join('\n')),
  '/version': withNewest((ctx, version) => sendText(ctx, String(version))),
  '/latest': withNewest((ctx, version) => {
    ctx.status = 303;
    ctx.set('Cache-Control', moving);
    ctx.set('Location', `/update/${packageName(version)}`);
    ctx.body = '';
  }),
  '/version.json': (ctx, { folder, nowMs }) =>
    sendFile(ctx, join(folder.dir, 'version.json'), labels.releaseFile, nowMs()),
  '/public_key.pem': (ctx, { folder, nowMs }) =>
    sendFile(ctx, join(folder.dir, 'public_key.pem'), labels.publicKey, nowMs()),
  '/keys.json': (ctx, { folder, nowMs }) => sendFile(ctx, join(folder.dir, keyChainName), labels.releaseFile, nowMs()),
  // A site of The Update Framework, as opq-release tuf refresh publishes it.
  '/metadata/:name': (ctx, site) =>
    sendSigned(ctx, site, /^\/metadata\/(\d{1,9}\.)?(root|targets|snapshot|timestamp)\.json$/),
  '/targets/*name': (ctx, site) =>
    sendSigned(ctx, site, /^\/targets\/(box\/[a-z0-9_-]{1,32}|packages)\/[0-9a-f]{64}\.[\w.-]+$/),
  '/update/:id': (ctx, site) => sendRelease(ctx, site, versionOfId),
  // The updater of 2018 asks for server_url + file name.
  '/:id': (ctx, site) => sendRelease(ctx, site, versionOfPackageName),
};

function withNewest(answer: (ctx: Ctx, version: number) => void): Answer {
  return async (ctx, { folder }) => {
    const newest = (await folder.list()).at(-1);
    if (newest === undefined) refuse(ctx, 404);
    else answer(ctx, newest.version);
  };
}

function sendText(ctx: Ctx, text: string): void {
  const etag = `"${createHash('sha256').update(text).digest('base64url')}"`;
  const verdict = judgeConditions(ctx.req.headers, { etag });
  if (verdict === 412) {
    refuse(ctx, verdict);
    return;
  }
  ctx.set('Cache-Control', moving);
  ctx.set('ETag', etag);
  ctx.status = verdict;
  ctx.body = verdict === 304 ? null : text;
}

/** A package or its signature. Only what is listed exists: no name from outside is ever joined to a path. */
async function sendRelease(ctx: Ctx, { folder, nowMs }: Site, versionOf: typeof versionOfId): Promise<void> {
  const [, id = '', sig] = /^(.*?)(\.sig)?$/s.exec(ctx.params.id ?? '') ?? [];
  const version = versionOf(id);
  if (version === undefined) return refuse(ctx, 404);
  if (!(await folder.list()).some((listed) => listed.version === version)) return refuse(ctx, 404);
  const name = sig ? signatureName(version) : packageName(version);
  await sendFile(ctx, join(folder.dir, name), sig ? labels.signature : labels.package, nowMs());
}

/** A file by its path, which is of this form: nothing of it leads out of its folder. */
async function sendSigned(ctx: Ctx, { folder, nowMs }: Site, form: RegExp): Promise<void> {
  if (!form.test(ctx.path)) return refuse(ctx, 404);
  const label = ctx.path.endsWith('.bz2') ? labels.package : labels.releaseFile;
  // What has its version or hash in its name never changes under it.
  const cacheControl = /\/(\d+|[0-9a-f]{64})\.[^/]*$/.test(ctx.path) ? immutable : moving;
  await sendFile(ctx, join(folder.dir, ctx.path), { ...label, cacheControl }, nowMs());
}

/** The old server's ids are file names; the number alone, as `/version` tells it, is understood too. */
const versionOfId = (id: string): number | undefined =>
  releaseVersionPattern.test(id) ? Number(id) : versionOfPackageName(id);
