import { connect, type NetConnectOpts, type Socket } from 'node:net';

/** Everything that is said to these bytes until the other side closes the connection. */
export function saysTo(where: NetConnectOpts, request: string): Promise<string> {
  return new Promise((resolve) => {
    let said = '';
    const socket = connect(where, () => socket.write(request, 'latin1'));
    socket.on('data', (chunk) => {
      said += chunk.toString('latin1');
    });
    // Who refuses a request may close while the rest of it is still on its way.
    socket.on('error', () => resolve(said));
    socket.on('close', () => resolve(said));
  });
}

/** Connections that begin to ask and never end. */
export async function dawdlers(where: NetConnectOpts, count: number, beginning: string): Promise<Socket[]> {
  return Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<Socket>((resolve, reject) => {
          const socket = connect(where);
          socket.on('error', reject);
          socket.on('connect', () => {
            socket.off('error', reject).on('error', () => {}); // it may be closed on us at any time
            socket.resume().write(beginning, () => resolve(socket));
          });
        }),
    ),
  );
}

export const statusOf = (answer: string): number | null =>
  Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? 0) || null;

/** The code in a JSON answer, if there is one. */
export const codeIn = (answer: string): string | null => /"code":"(\w+)"/.exec(answer)?.[1] ?? null;
