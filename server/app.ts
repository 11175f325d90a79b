import type { RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import Koa, { type Context, type Middleware, type Next } from 'koa';
import Router from 'koa-router';
import { quote } from '../protocol/version.ts';
import { accessLog } from './access-log.ts';
import { hotAnswers } from './hot-answers.ts';
import type { Traffic } from './monitoring/traffic.ts';
import { refuse } from './refuse.ts';
import { routes, type Site } from './routes.ts';
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

/** Requests of one connection that wait for their answer: more would fill the memory. */
const mostAtOnce = 20;

/** The update server over one folder: it answers GET and HEAD, and writes nothing. */
export function answering(
  settings: Pick<Settings, 'updates_dir'>,
  { nowMs = Date.now, log = () => {}, layer, traffic }: Partial<Tools> = {},
): RequestListener {
  const access = accessLog(nowMs, log);
  const hot = hotAnswers(settings.updates_dir, nowMs, (request, status) => {
    access.atOnce(request, status);
    traffic?.tell(request.url, status);
  });
  const app = new Koa();
  app.on('error', (error) => logError(error, log));
  app.use(access.each);
  if (traffic) app.use(traffic.count);
  app.use(hot.learn);
  app.use(answerErrors);
  app.use(plainAddress);
  if (layer) app.use(layer);
  app.use(routerOver({ folder: updatesFolder(settings.updates_dir, nowMs), nowMs }).routes());
  app.use(refuseTheRest);
  const rest = app.callback();
  return (request, response) => {
    if (hot.answer(request, response)) return;
    const waiting = waitingOn(request.socket);
    if (waiting.size === mostAtOnce) return void request.socket.destroy();
    waiting.add(response);
    response.once('close', () => waiting.delete(response));
    void rest(request, response);
  };
}

const waitingOf = new WeakMap<Socket, Set<ServerResponse>>();

/** The answers of a connection that are not over. Node tells only the first of them that the client has left. */
function waitingOn(socket: Socket): Set<ServerResponse> {
  const known = waitingOf.get(socket);
  if (known) return known;
  const waiting = new Set<ServerResponse>();
  waitingOf.set(socket, waiting);
  const tellTheRest = () => {
    for (const response of waiting) response.destroy().emit('close');
  };
  socket.once('close', () => process.nextTick(tellTheRest));
  return waiting;
}

function routerOver(site: Site): Router {
  const router = new Router({ sensitive: true, strict: true });
  for (const [path, answer] of Object.entries(routes)) {
    router.get(path, (ctx) => {
      ctx.state.route = path;
      return answer(ctx, site);
    });
  }
  return router;
}

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
