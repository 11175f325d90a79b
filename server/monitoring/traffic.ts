import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Context, Next } from 'koa';

/** What the server does, in plain numbers that begin at its start: they cost a request next to nothing. */
export function countTraffic() {
  const requests = new Map<string, number>();
  /** Answers with bytes of a package or image, whole or from where an earlier one was cut. */
  const downloads = { begun: 0, done: 0, cut: 0 };
  const open = new Set<Socket>();
  let closedBytes = 0;
  let toldBytes = 0;
  const tell = (route = 'none', status: number | string = 'none') => {
    const key = `${route} ${status}`;
    requests.set(key, (requests.get(key) ?? 0) + 1);
  };
  return {
    /** Number of requests that ended, by route and status: `/update/:id 206`. Neither is made up by clients. */
    requests,
    downloads,
    /** Counts one answer. */
    tell,
    connections: (): number => open.size,
    /** Bytes handed to the network, headers too, of downloads under way as well. */
    sentBytes(): number {
      const now = closedBytes + [...open].reduce((sum, socket) => sum + socket.bytesWritten, 0);
      // What a client that left did not take is counted no more, but a counter never goes back.
      toldBytes = Math.max(toldBytes, now);
      return toldBytes;
    },
    /** Counts the connections of this server. */
    watch(server: Server): void {
      server.on('connection', (socket) => {
        open.add(socket);
        socket.once('close', () => {
          open.delete(socket);
          closedBytes += socket.bytesWritten;
        });
      });
    },
    /** Counts what comes of a request; errors have become answers below. */
    async count(ctx: Context, next: Next): Promise<void> {
      let download = false;
      ctx.res.once('close', () => {
        // The client may leave before there is an answer: Koa then still has its 404.
        tell(ctx.state.route, ctx.res.headersSent ? ctx.status : 'none');
        if (download) downloads[ctx.res.writableFinished ? 'done' : 'cut']++;
      });
      await next();
      const withBytes = ctx.method === 'GET' && ctx.status < 300;
      download = withBytes && ctx.type === 'application/octet-stream' && !ctx.req.socket.destroyed;
      if (download) downloads.begun++;
    },
  };
}

export type Traffic = ReturnType<typeof countTraffic>;
