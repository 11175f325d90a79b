import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openPublisher, type Publisher } from '../support/publisher.ts';
import { expectUsable } from '../support/scratch-expectations.ts';
import { type Goods, makeGoods, offering } from './goods.ts';
import { openHostileBox, report } from './hostile-box.ts';
import { openHostileServer } from './hostile-server.ts';
import { dawdlers } from './raw.ts';
import { slowAttacks } from './slow-attacks.ts';

vi.setConfig({ testTimeout: 30 * 60_000, hookTimeout: 240_000, maxConcurrency: 16 });

let publisher: Publisher;
let goods: Goods;
beforeAll(async () => {
  publisher = await openPublisher();
  goods = await makeGoods(publisher);
});
afterAll(() => publisher.close());

/** For a busy machine: half as much again, and a minute to begin and end. */
const generous = (limitS: number) => limitS * 1.5 + 60;

describe.concurrent('No longer than its limits is a box held up by', () => {
  it.for(slowAttacks)('$what', async ({ what, replies, code, limitS }) => {
    const server = await openHostileServer();
    const url = `http://127.0.0.1:${server.port}/`;
    const attacked = await openHostileBox(publisher, { config: { server_url: url } });
    // A person waits as long as the daemon's own client does, and then looks at the history.
    const ask = () => attacked.box.daemon.ask('install', { retry: false });
    server.answers({ ...offering(goods.good), ...replies(goods) });
    const beganMs = performance.now();
    const refused = await attacked.refusalOf(ask, limitS * 2 + 300);
    const heldS = (performance.now() - beganMs) / 1000;
    report({ name: what, heldS, limitS });
    expect(refused).toBe(code);
    expect(heldS).toBeLessThan(generous(limitS));
    await attacked.expectUntouched();
    await expectUsable(attacked.box, publisher);
    await attacked.close();
    server.close();
  });

  it('requests at its socket that never end', async () => {
    const attacked = await openHostileBox(publisher, {});
    const where = { path: attacked.box.at('run/opq-updater/page.sock') };
    const beganMs = performance.now();
    const lines = await dawdlers(where, 300, 'POST /check HTTP/1.1\r\nHost: box\r\nx: ');
    await Promise.all(lines.map((line) => line.closed || new Promise((resolve) => line.once('close', resolve))));
    const heldS = (performance.now() - beganMs) / 1000;
    // Node looks for requests that are too slow twice a minute.
    report({ name: 'requests at its socket that never end', heldS, limitS: 40 });
    expect(heldS).toBeLessThan(generous(40));
    await attacked.expectUntouched();
    await attacked.close();
  });
});
