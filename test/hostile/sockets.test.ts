import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openPublisher, type Publisher } from '../support/publisher.ts';
import { expectUsable } from '../support/scratch-expectations.ts';
import { type HostileBox, openHostileBox } from './hostile-box.ts';
import { codeIn, dawdlers, saysTo, statusOf } from './raw.ts';
import { socketAttacks } from './socket-attacks.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

let publisher: Publisher;
let attacked: HostileBox;
beforeAll(async () => {
  publisher = await openPublisher();
  attacked = await openHostileBox(publisher, {});
});
afterAll(async () => {
  await attacked.close();
  await publisher.close();
});

const socketAt = (name: string) => ({ path: attacked.box.at(`run/opq-updater/${name}`) });

describe('The daemon refuses at its sockets', () => {
  it.for(socketAttacks)('$what', async ({ socket, request, status, code }) => {
    const answer = await saysTo(socketAt(socket), request);
    expect([statusOf(answer), codeIn(answer)]).toEqual([status, code]);
    await attacked.expectUntouched();
  });

  it('to be held up by event streams without end', async () => {
    const streams = await dawdlers(socketAt('page.sock'), 200, 'GET /events HTTP/1.1\r\nHost: box\r\n\r\n');
    await attacked.expectUntouched();
    for (const stream of streams) stream.destroy();
    await attacked.expectUntouched();
  });

  it('to be held up by requests that never end', async () => {
    const lines = await dawdlers(socketAt('page.sock'), 300, 'POST /check HTTP/1.1\r\nHost: box\r\nx: ');
    await attacked.expectUntouched();
    for (const line of lines) line.destroy();
  });

  it('to be held up by many requests in each of ten connections', async () => {
    const lines = await dawdlers(socketAt('page.sock'), 10, 'GET /status HTTP/1.1\r\nHost: box\r\n\r\n'.repeat(1000));
    await attacked.expectUntouched();
    for (const line of lines) line.destroy();
  });
});

it('takes the next good update after all that, within its memory', async () => {
  await expectUsable(attacked.box, publisher);
  attacked.expectBounded('sockets', 100);
});
