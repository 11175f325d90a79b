import type { IncomingMessage } from 'node:http';
import type { Context, Next } from 'koa';
import { withoutLogin } from '../protocol/address.ts';
import { quote } from '../protocol/version.ts';

/** So many answers from memory have a line of their own in a second. */
const linesPerS = 100;

/** One line an answer: who asked for what, what came of it and how long it took. */
export function accessLog(nowMs: () => number, log: (line: string) => void) {
  let told = 0;
  let untold = 0;
  let second: NodeJS.Timeout | undefined;

  function write(
    from: string,
    { method, url = '', headers }: IncomingMessage,
    status: number,
    end: string,
    ms: number,
  ) {
    const agent = quote(headers['user-agent'] ?? '-', 80);
    const shown = quote(withoutLogin(url).replace(/\?.*$/s, '?***'), 200);
    log(`${from} ${method} ${shown} ${status} ${end} ${ms} ms ${agent}`);
  }
  function beginSecond(): void {
    if (untold > 0) log(`and ${untold} more answers from memory in that second`);
    told = untold = 0;
  }

  return {
    /** When the last byte is sent or the client has left; not for the health check, twice a minute. */
    each(ctx: Context, next: Next): Promise<void> {
      const { url } = ctx.req;
      const startedMs = nowMs();
      // The address is gone with the connection.
      const from = addressOf(ctx.req);
      ctx.res.once('close', () => {
        if (url === '/' && ctx.status === 200) return;
        write(from, ctx.req, ctx.status, ctx.res.writableFinished ? 'done' : 'cut', nowMs() - startedMs);
      });
      return next();
    },
    /** For an answer that is given at once and may be one of very many: then they are counted. */
    atOnce(request: IncomingMessage, status: number): void {
      if (told === 0) second = setTimeout(beginSecond, 1_000).unref();
      if (told < linesPerS) {
        told++;
        write(addressOf(request), request, status, 'done', 0);
      } else if (untold++ === 0) {
        // The count is told by a server that stops meanwhile, too.
        second?.ref();
      }
    },
  };
}

const addressOf = ({ socket }: IncomingMessage): string => (socket.remoteAddress ?? '-').replace(/^::ffff:/, '');
