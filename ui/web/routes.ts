import type { Context } from 'koa';
import { type OperationName, operations } from '../../protocol/operations.ts';
import { pageRoutes, type SessionView } from '../../protocol/page.ts';
import * as s from '../../protocol/schema.ts';
import { parseJson, readBody } from './body.ts';
import { cookieFor } from './cookie.ts';
import type { Patience } from './patience.ts';
import { Refusal } from './refuse.ts';
import type { Relay } from './relay.ts';
import type { Secrets } from './secrets.ts';
import type { Sessions } from './sessions.ts';
import type { StaticFile } from './static-files.ts';
import { forward, forwardStream } from './upstream.ts';

/** What the answers are made from. */
export interface Site {
  readonly files: ReadonlyMap<string, StaticFile>;
  readonly sessions: Sessions;
  readonly secrets: Secrets;
  readonly patience: Patience;
  readonly relay: Relay;
  readonly pageSocket: string;
  readonly box: string;
  readonly https: boolean;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  /** True: answers without a session. Everything else does not, also what is not there. */
  readonly open?: true;
  readonly type?: 'application/octet-stream';
  answer(ctx: Context, site: Site): Promise<void> | void;
}

/** A login is short; nobody who is not signed in sends more. */
const maxLoginBytes = 4096;

const password = s.string(s.maxLength(1000));
const loginSchema = s.union([
  s.strictObject({ password }),
  s.strictObject({ pin: s.string(s.maxLength(100)), new_password: password }),
]);
const passwordSchema = s.strictObject({ old_password: password, new_password: password });

const own: readonly Route[] = [
  { method: 'GET', path: '/', open: true, answer: sendFile },
  { method: 'GET', path: '/assets/:name', open: true, answer: sendFile },
  {
    ...pageRoutes.session,
    open: true,
    answer: async (ctx, site) => sendSession(ctx, site, sessionOf(ctx) !== undefined),
  },
  {
    ...pageRoutes.login,
    open: true,
    async answer(ctx, site) {
      const { secrets, sessions, patience } = site;
      const wish = await inputOf(ctx, loginSchema);
      const from = ctx.req.socket.remoteAddress ?? '';
      await patience.turn(from);
      if ('pin' in wish) {
        await secrets.needPin(wish.pin);
        await secrets.set(wish.new_password);
        await sessions.closeAll();
      } else await secrets.needPassword(wish.password);
      patience.forgive(from);
      await signIn(ctx, site);
    },
  },
  {
    ...pageRoutes.logout,
    async answer(ctx, site) {
      await site.sessions.close(sessionOf(ctx)!);
      ctx.set('Set-Cookie', cookieFor(null, site.https));
      await sendSession(ctx, site, false);
    },
  },
  {
    ...pageRoutes.password,
    async answer(ctx, site) {
      const { old_password, new_password } = await inputOf(ctx, passwordSchema);
      const from = ctx.req.socket.remoteAddress ?? '';
      await site.patience.turn(from);
      await site.secrets.needPassword(old_password);
      await site.secrets.set(new_password);
      site.patience.forgive(from);
      await site.sessions.closeAll();
      await signIn(ctx, site);
    },
  },
  {
    method: 'GET',
    path: '/api/events',
    answer(ctx, { relay }) {
      if (!relay.join(ctx.res, sessionOf(ctx)!)) throw new Refusal('TOO_MANY');
    },
  },
];

/** Every address of the page, and who may ask for it; test/ui/web/routes.test.ts walks it. */
export const routes: readonly Route[] = [
  ...own,
  ...(Object.keys(operations) as OperationName[])
    .filter((name) => operations[name].page && name !== 'events')
    .map(operationRoute),
];

/** An operation of page.sock, handed on. */
function operationRoute(name: OperationName): Route {
  const { method, path } = operations[name];
  const about = { method, path: `/api${path}` };
  if (method === 'PUT') {
    return {
      ...about,
      type: 'application/octet-stream',
      answer: (ctx, { pageSocket }) => forwardStream(ctx, pageSocket, path + ctx.search),
    };
  }
  return {
    ...about,
    async answer(ctx, { pageSocket, box }) {
      // It is in the events already, once for all.
      if (name === 'log' && 'follow' in ctx.query) throw new Refusal('BAD_REQUEST');
      await forward(ctx, pageSocket, path + ctx.search);
      if (name === 'bundle') ctx.attachment(`opq-${box.replace(/[^\w.-]+/g, '-')}-support.json`);
    },
  };
}

function sendFile(ctx: Context, { files }: Site): void {
  const file = files.get(ctx.path);
  if (!file) throw new Refusal('NOT_FOUND');
  // Names below /assets have a hash of the content in them.
  if (ctx.path !== '/') ctx.set('Cache-Control', 'public, max-age=31536000, immutable');
  ctx.type = file.type;
  ctx.body = file.bytes;
}

async function signIn(ctx: Context, site: Site): Promise<void> {
  ctx.set('Set-Cookie', cookieFor(await site.sessions.open(), site.https));
  await sendSession(ctx, site, true);
}

async function sendSession(ctx: Context, { secrets, box, https }: Site, signedIn: boolean): Promise<void> {
  const view: SessionView = { signed_in: signedIn, password_set: await secrets.isSet(), box, https };
  ctx.body = view;
}

async function inputOf<T>(ctx: Context, schema: s.Schema<unknown, T>): Promise<T> {
  const parsed = s.judge(schema, parseJson(await readBody(ctx.req, maxLoginBytes)));
  if (!parsed.success) throw new Refusal('BAD_REQUEST');
  return parsed.data;
}

const sessionOf = (ctx: Context): string | undefined => ctx.state.session;
