import Koa, { type Context, type Middleware, type Next } from 'koa';
import Router from 'koa-router';
import { withoutLogin } from '../protocol/address.ts';
import { quote } from '../protocol/version.ts';
import type { Traffic } from './monitoring/traffic.ts';
import { refuse } from './refuse.ts';
import { routes } from './routes.ts';
import type { Settings } from './settings.ts';
import { updatesFolder } from './updates-folder.ts';

/** What the server needs of its surroundings. */
export interface Tools {
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** Takes one line without its end. */
  readonly log: (line: string) => void;
  /** Answers before the rest does, such as builds on demand. */
  readonly layer: Middleware | undefined;
  /** Counts what goes on, for who asks for metrics. */
  readonly traffic: Traffic | undefined;
}

/** The update server as a Koa application over one folder: it answers GET and HEAD, and writes nothing. */
export function createApp(settings: Pick<Settings, 'updates_dir'>, tools: Partial<Tools> = {}): Koa {
  const { nowMs = Date.now, log = () => {}, layer, traffic } = tools;
  const site = { folder: updatesFolder(settings.updates_dir, nowMs), nowMs };
  const router = new Router({ sensitive: true, strict: true });
  for (const [path, answer] of Object.entries(routes)) {
    router.get(path, (ctx) => {
      ctx.state.route = path;
      return answer(ctx, site);
    });
  }

  const app = new Koa();
  app.on('error', (error) => logError(error, log));
  app.use(logAccess({ nowMs, log }));
  if (traffic) app.use(traffic.count);
  app.use(answerErrors);
  app.use(plainAddress);
  if (layer) app.use(layer);
  app.use(router.routes());
  app.use(refuseTheRest);
  return app;
}

/** One line an answer, when its last byte is sent or the client has left; not for the health check, twice a minute. */
const logAccess =
  ({ nowMs, log }: Pick<Tools, 'nowMs' | 'log'>) =>
  (ctx: Context, next: Next) => {
    const { method, url = '', headers } = ctx.req;
    const startedMs = nowMs();
    const from = (ctx.req.socket.remoteAddress ?? '-').replace(/^::ffff:/, '');
    ctx.res.once('close', () => {
      if (url === '/' && ctx.status === 200) return;
      const end = ctx.res.writableFinished ? 'done' : 'cut';
      const agent = quote(headers['user-agent'] ?? '-', 80);
      const shown = quote(withoutLogin(url).replace(/\?.*$/s, '?***'), 200);
      log(`${from} ${method} ${shown} ${ctx.status} ${end} ${nowMs() - startedMs} ms ${agent}`);
    });
    return next();
  };

/** What goes wrong below is logged here; the client learns no more than that. */
async function answerErrors(ctx: Context, next: Next): Promise<void> {
  ctx.set('X-Content-Type-Options', 'nosniff');
  try {
    await next();
  } catch (error) {
    const { syscall } = error as NodeJS.ErrnoException;
    ctx.app.emit('error', error);
    // A system call that failed is the folder: a disk that is not mounted, a file that this user may not read.
    refuse(ctx, syscall === undefined ? 500 : 503);
  }
}

/**
 * An address with a host in it counts by its path (RFC 9112, section 3.2.2). What is no address at all is refused
 * here: koa would give it to url.parse, which newer versions of Node warn of.
 */
function plainAddress(ctx: Context, next: Next): Promise<void> | void {
  const { url = '' } = ctx.req;
  if (!url.startsWith('/')) {
    if (!/^https?:/i.test(url) || !URL.canParse(url)) return refuse(ctx, 400);
    const { pathname, search } = new URL(url);
    ctx.req.url = pathname + search;
  }
  return next();
}

/** A client that leaves in the middle is no error; the access log tells it as "cut". */
function logError(error: NodeJS.ErrnoException, log: Tools['log']): void {
  if (['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE'].includes(error.code ?? '')) return;
  log(`error ${quote(error.stack ?? String(error), 1000)}`);
}

function refuseTheRest(ctx: Context): void {
  const readOnly = ctx.method === 'GET' || ctx.method === 'HEAD';
  refuse(ctx, readOnly ? 404 : 405);
  if (readOnly) return;
  ctx.set('Allow', 'GET, HEAD');
  ctx.set('Connection', 'close'); // the body of the request is not read
}
