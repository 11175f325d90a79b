import { openJsonLine } from './json-line.ts';

/**
 * Gives QEMU itself an order, such as pulling the network cable.
 * @throws when QEMU refuses it
 * @see QEMU's "QMP Reference Manual"
 */
export async function askQemu(socket: string, execute: string, args: object = {}): Promise<unknown> {
  const line = await openJsonLine(socket, 30_000);
  try {
    await line.next(); // the greeting
    await ask(line, 'qmp_capabilities', {});
    return await ask(line, execute, args);
  } finally {
    line.close();
  }
}

async function ask(line: Awaited<ReturnType<typeof openJsonLine>>, execute: string, args: object): Promise<unknown> {
  line.send({ execute, arguments: args });
  for (;;) {
    const answer = await line.next();
    if ('error' in answer) throw new Error(`QEMU refused ${execute}: ${JSON.stringify(answer.error)}`);
    if ('return' in answer) return answer.return;
    // Anything else is an event that came in between.
  }
}
