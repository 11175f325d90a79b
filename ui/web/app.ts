import Koa, { type Context, type Next } from 'koa';
import Router from 'koa-router';
import { tokenIn } from './cookie.ts';
import { isOurHost } from './hosts.ts';
import { Refusal, refuse } from './refuse.ts';
import { type Route, routes, type Site } from './routes.ts';
import { hasTypeOf, isFromThePage } from './same-origin.ts';

/** What a browser may do with what comes from here: load it from here, show it in no frame, tell nobody. */
const headers = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Frame-Options': 'DENY',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
} as const;

/** The page as a Koa application: who asks is judged first, in this order, whatever is asked for. */
export function createApp(site: Site, hosts: ReadonlySet<string>, log: (line: string) => void): Koa {
  const app = new Koa();
  app.on('error', (error) => logError(error, log));
  app.use(answerErrors);
  app.use((ctx, next) => needOurHost(ctx, hosts, next));
  app.use((ctx, next) => needThePageItself(ctx, site.https, next));
  app.use((ctx, next) => needSession(ctx, site, next));
  app.use(pageRouter(site).routes());
  app.use((ctx) => refuse(ctx, routes.some(({ path }) => path === ctx.path) ? 'WRONG_METHOD' : 'NOT_FOUND'));
  return app;
}

export function pageRouter(site: Site): Router {
  const router = new Router({ sensitive: true, strict: true });
  for (const route of routes) {
    router.register(route.path, [route.method], async (ctx: Context) => {
      await route.answer(ctx, site);
      // A stream of events is written by the relay.
      if (route.path === '/api/events') ctx.respond = false;
    });
  }
  return router;
}

async function answerErrors(ctx: Context, next: Next): Promise<void> {
  ctx.set(headers);
  try {
    await next();
  } catch (error) {
    if (error instanceof Refusal) return refuse(ctx, error.code);
    ctx.app.emit('error', error);
    refuse(ctx, 'INTERNAL');
  }
}

function needOurHost(ctx: Context, hosts: ReadonlySet<string>, next: Next): Promise<void> | void {
  if (!isOurHost(ctx.req, hosts)) return refuse(ctx, 'WRONG_HOST');
  // An address with another host in it is none of ours.
  if (!ctx.req.url?.startsWith('/')) return refuse(ctx, 'BAD_REQUEST');
  // Nobody reads the body of a GET; one that never comes would hold the connection for good.
  if (ctx.method === 'GET' && hasBody(ctx)) {
    ctx.set('Connection', 'close');
    return refuse(ctx, 'BAD_REQUEST');
  }
  return next();
}

const hasBody = ({ req: { headers } }: Context): boolean =>
  headers['transfer-encoding'] !== undefined || !['0', undefined].includes(headers['content-length']);

/** GET changes nothing; whatever else comes from the page itself, in a form that no other page can send unasked. */
function needThePageItself(ctx: Context, https: boolean, next: Next): Promise<void> | void {
  if (ctx.method === 'GET') return next();
  if (ctx.method !== 'POST' && ctx.method !== 'PUT') return refuse(ctx, 'WRONG_METHOD');
  const { type = 'application/json' } = routeAt(ctx) ?? {};
  const fromThePage = isFromThePage(ctx.req, https ? 'https' : 'http');
  return fromThePage && hasTypeOf(ctx.req, type) ? next() : refuse(ctx, 'CROSS_SITE');
}

/** Deny by default: also what is not there needs a session, as nobody else is told what there is. */
function needSession(ctx: Context, { sessions }: Site, next: Next): Promise<void> | void {
  // To look on is no use of a session; else a page left open would keep it for hours.
  ctx.state.session = sessions.find(tokenIn(ctx.req), ctx.path !== '/api/events');
  if (ctx.state.session === undefined && !routeAt(ctx)?.open) return refuse(ctx, 'SIGNED_OUT');
  return next();
}

const routeAt = ({ method, path }: Context): Route | undefined =>
  routes.find(
    (route) =>
      route.method === method &&
      (route.path === path || (route.path.endsWith(':name') && /^\/assets\/[^/]+$/.test(path))),
  );

/** A client that leaves in the middle is no error. */
function logError(error: NodeJS.ErrnoException, log: (line: string) => void): void {
  if (['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE'].includes(error.code ?? '')) return;
  log(`error ${JSON.stringify(error.stack ?? String(error)).slice(0, 2000)}`);
}
