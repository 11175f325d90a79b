import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export type SlowLine = Awaited<ReturnType<typeof slowLine>>;

/**
 * A line to a server on this machine that carries so many bytes a second, counts them, and can be cut.
 * @param quickBytes of each connection that come at once
 */
export async function slowLine(serverUrl: string, bytesPerS: number, quickBytes = 0) {
  let speed = bytesPerS;
  const { hostname, port: serverPort } = new URL(serverUrl);
  const sockets = new Set<Socket>();
  let carried = 0;
  const line = createServer((box) => {
    const server = connect({ host: hostname, port: Number(serverPort) });
    for (const socket of [box, server]) {
      sockets.add(socket);
      socket.on('error', () => {}); // cut on purpose
      socket.once('close', () => {
        sockets.delete(socket);
        for (const other of [box, server]) other.destroy();
      });
    }
    box.pipe(server);
    carry(server, box).catch(() => box.destroy());
  });

  /** In twentieths of a second, so that it can be cut in the middle of anything. */
  async function carry(from: Socket, to: Socket): Promise<void> {
    let quick = quickBytes;
    for await (const chunk of from as AsyncIterable<Buffer>) {
      const atOnce = chunk.subarray(0, quick);
      to.write(atOnce);
      carried += atOnce.length;
      quick -= atOnce.length;
      for (let done = atOnce.length; done < chunk.length && !to.destroyed; ) {
        const part = chunk.subarray(done, done + Math.ceil(speed / 20));
        to.write(part);
        done += part.length;
        carried += part.length;
        await sleep(50 * (part.length / (speed / 20)));
      }
    }
    to.end();
  }

  await new Promise<void>((resolve) => line.listen(0, '127.0.0.1', resolve));
  const { port } = line.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}/`,
    carried: () => carried,
    becomesFast(): void {
      speed = 2 ** 30;
    },
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    end(): Promise<void> {
      this.cut();
      return new Promise((resolve) => line.close(() => resolve()));
    },
  };
}
