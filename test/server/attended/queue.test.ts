import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UpdateError } from '../../../protocol/errors.ts';
import { type Crew, openEmbeddedQueue } from '../../../server/attended/embedded-queue.ts';
import { imageHash, type Plan } from '../../../server/attended/plan.ts';
import type { BuildQueue } from '../../../server/attended/queue.ts';
import { noise } from '../../support/scratch-release.ts';
import { smallDisk } from '../../support/small-disk.ts';
import { runProgram } from '../program.ts';
import { base, hash } from './contract.ts';
import { dialects, makeStore, openShop, type Reply, say, settingsIn, stuckWorker, usualParts } from './shop.ts';

const path = '/api/build-request';
const whole = { ...base, ...dialects.B };
const dirs: string[] = [];
const newRoot = async () => {
  const root = await mkdtemp(join(tmpdir(), 'opq-queue-'));
  dirs.push(root);
  return root;
};
afterAll(() => Promise.all(dirs.map((dir) => rm(dir, { recursive: true, force: true }))));

/** As many different requests as one likes: the defaults differ. */
const different = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ ...whole, packages: ['triggering'], defaults: `{"box_id":${i}}` }));
/** How many answers of each status. */
function counted(replies: readonly Reply[]): Record<number, number> {
  const sum: Record<number, number> = {};
  for (const { status } of replies) sum[status] = (sum[status] ?? 0) + 1;
  return sum;
}

describe('The queue of builds', () => {
  it('makes one build of fifty requests at once for the same', async () => {
    const shop = await openShop();
    const replies = await Promise.all(Array.from({ length: 50 }, () => shop.post(path, whole)));
    expect(counted(replies)).toEqual({ 200: 50 });
    expect(new Set(replies.map(({ json }) => json.image_hash)).size).toBe(1);
    expect((await shop.get('/api/v1/stats/images')).json).toEqual({ total: 1, stored: 1, requested: 50 });
    await shop.close();
  });

  it('holds no more than its limit of two thousand requests, keeps what it took, and the server stays quick', async () => {
    const shop = await openShop(
      { defaults_keys: ['box_id'], max_queue: 200, hold_ms: 0, max_builds_per_client_h: 5_000 },
      { program: stuckWorker },
    );
    const before = process.memoryUsage().rss;
    let slowestMs = 0;
    let busy = true;
    const watch = (async () => {
      while (busy) {
        const startMs = performance.now();
        await shop.get('/version');
        slowestMs = Math.max(slowestMs, performance.now() - startMs);
      }
    })();
    const startMs = performance.now();
    const replies: Reply[] = [];
    const requests = different(2_000);
    for (let i = 0; i < requests.length; i += 100) {
      replies.push(...(await Promise.all(requests.slice(i, i + 100).map((body) => shop.post(path, body)))));
    }
    const wholeMs = performance.now() - startMs;
    busy = false;
    await watch;
    expect(counted(replies)).toEqual({ 202: 200, 503: 1_800 });
    for (const { headers } of replies.filter(({ status }) => status === 503)) expect(headers['retry-after']).toBe('60');
    expect(await readdir(join(shop.root, 'cache/queue'))).toHaveLength(200);
    expect(process.memoryUsage().rss - before).toBeLessThan(300_000_000);
    // In relation to the flood itself: an answer that waited for it all would take as long.
    expect(slowestMs).toBeLessThan(wholeMs / 4);
    const taken = replies.flatMap((reply) => (reply.status === 202 ? [reply.json.request_hash] : []));
    await shop.stop();

    // Nothing is lost: a server that comes back has every one of them, in its order, and builds them.
    const back = await openShop({ defaults_keys: ['box_id'], hold_ms: 0 }, { root: shop.root });
    const last = taken.at(-1)!;
    expect((await back.get(`${path}/${last}`)).headers['x-build-queue-position']).toMatch(/^1\d\d$/);
    expect((await back.get(`${path}/${taken[0]}`)).status).not.toBe(404);
    await back.close();
  });

  it('lets one client have no more than its share of new builds in an hour', async () => {
    const shop = await openShop({
      defaults_keys: ['box_id'],
      hold_ms: 0,
      max_builds_per_client_h: 3,
      behind_proxy: true,
    });
    const from = (address: string) =>
      Promise.all(different(5).map((body) => shop.post(path, body, { 'X-Forwarded-For': `10.0.0.1, ${address}` })));
    expect(counted(await from('192.0.2.1'))).toEqual({ 202: 3, 503: 2 });
    expect(counted(await from('192.0.2.2'))[503] ?? 0).toBe(0);
    shop.clock.aheadMs = 3_600_000;
    expect(counted(await from('192.0.2.1'))[503] ?? 0).toBe(0);
    await shop.close();
  });

  it('goes on after its worker was killed in the middle of a build', async () => {
    const files = { big: 'x'.repeat(40_000_000) };
    const parts = [...usualParts, { name: 'dsp-firmware', version: '1', files }];
    const shop = await openShop({ hold_ms: 0 }, { parts });
    const { json } = await shop.post(path, { ...whole, packages: ['dsp-firmware'] });
    const state = () => shop.get(`${path}/${json.request_hash}`);
    await expect
      .poll(async () => (await state()).headers['x-imagebuilder-status'], { timeout: 30_000, interval: 5 })
      .toBe('building');
    const pids = await workerPids();
    expect(pids).toHaveLength(1);
    process.kill(pids[0]!, 'SIGKILL');
    await expect.poll(async () => (await state()).status, { timeout: 40_000 }).toBe(200);
    expect(shop.lines.join('\n')).toContain('its worker ended with SIGKILL');
    await shop.close();
  });

  it('loses nothing when the whole server is killed', async () => {
    const root = await newRoot();
    await makeStore(root);
    const settings = {
      port: 0,
      host: '127.0.0.1',
      updates_dir: root,
      attended: { ...settingsIn(root), hold_ms: 0, defaults_keys: ['box_id'] },
    };
    const first = runProgram(settings);
    const url = await first.url();
    const replies = await Promise.all(different(10).map((body) => say(url, 'POST', path, body)));
    first.child.kill('SIGKILL');
    await first.ended;
    const hashes = replies.map(({ json }) => json.request_hash);
    expect(hashes).toEqual(hashes.map(() => hash));

    const second = runProgram(settings);
    const again = await second.url();
    await expect
      .poll(async () => counted(await Promise.all(hashes.map((it) => say(again, 'GET', `${path}/${it}`)))), {
        timeout: 40_000,
      })
      .toEqual({ 200: 10 });
    second.child.kill('SIGTERM');
    expect((await second.ended).code).toBe(0);
    expect(await readdir(join(root, 'cache/queue'))).toEqual([]);
  });

  it('goes on by itself when a disk that was full has room again, however often it was full', async (test) => {
    const disk = smallDisk(8_192);
    if (!disk) return test.skip();
    const parts = [...usualParts, { name: 'dsp-firmware', version: '1', files: { noise: noise(2_000_000) } }];
    const how = { parts, diskPauseMs: 20 };
    const shop = await openShop({ hold_ms: 0, cache_dir: join(disk, 'cache') }, how);
    await writeFile(join(disk, 'ballast'), Buffer.alloc(8_000_000));
    const { json } = await shop.post(path, { ...whole, packages: ['dsp-firmware'] });
    const stopped = () => shop.lines.filter((line) => line.includes('ENOSPC'));
    await expect.poll(() => stopped().length, { timeout: 40_000 }).toBeGreaterThan(4);
    expect(stopped().every((line) => line.includes('try 1:'))).toBe(true);
    expect((await shop.get(`${path}/${json.request_hash}`)).status).toBe(202);
    await rm(join(disk, 'ballast'));
    await expect
      .poll(async () => (await shop.get(`${path}/${json.request_hash}`)).status, { timeout: 40_000 })
      .toBe(200);
    expect(await readdir(join(disk, 'cache/queue'))).toEqual([]);
    await shop.close();
  });

  it('gives a build up that takes its worker down with it, each time', async () => {
    const shop = await openShop(
      { hold_ms: 0, build_timeout_s: 60 },
      { program: join(import.meta.dirname, 'dying-worker.mjs') },
    );
    const { json } = await shop.post(path, whole);
    await expect
      .poll(async () => (await shop.get(`${path}/${json.request_hash}`)).status, { timeout: 40_000 })
      .toBe(500);
    expect((await shop.get((await shop.post(path, whole)).json.log)).status).toBe(200);
    expect(await readdir(join(shop.root, 'cache/queue'))).toEqual([]);
    await shop.close();
  });
});

describe('The built-in queue', () => {
  const plan: Plan = {
    ...{ distro: 'opq', version: 1_550_190_683, target: 'rpi/3', profile: 'opqbox-2' },
    ...{ components: [], defaults: null, max_bytes: 1_000 },
  };

  /** With one worker, which does what it is told, and pauses that are no time. */
  async function queueWith(dir: string, does: { build(): Promise<void>; gaveUp?(): Promise<void>; free?(): boolean }) {
    let wake = () => {};
    const crewOf = (onFree: () => void): Crew => {
      wake = onFree;
      return {
        free: () => ((does.free?.() ?? true) ? { build: does.build, release: () => {} } : undefined),
        alive: () => true,
        close: async () => {},
      };
    };
    const lines: string[] = [];
    const log = (line: string) => void lines.push(line);
    const queue = await openEmbeddedQueue(dir, 10, crewOf, does.gaveUp ?? (async () => {}), log, 5);
    return { queue, lines, wake: () => wake() };
  }
  const rest = (queue: BuildQueue) =>
    expect.poll(() => queue.count(), { timeout: 20_000 }).toEqual({ queued: 0, running: 0 });

  it.each(['DISK_FULL', 'DISK_FAILED'] as const)('counts no try that ended with %s', async (code) => {
    const dir = await newRoot();
    let [tries, gaveUp] = [0, 0];
    const { queue } = await queueWith(dir, {
      async build() {
        if (++tries < 6) throw new UpdateError(code, 'of the worker');
      },
      async gaveUp() {
        gaveUp++;
      },
    });
    await queue.add(imageHash(plan), plan);
    await rest(queue);
    expect([tries, gaveUp, await readdir(dir)]).toEqual([6, 0, []]);
  });

  it('waits with a job whose own file a full disk does not take', async (test) => {
    const disk = smallDisk(256);
    if (!disk) return test.skip();
    const dir = join(disk, 'queue');
    let [built, free] = [0, false];
    const { queue, lines, wake } = await queueWith(dir, {
      async build() {
        built++;
      },
      free: () => free,
    });
    await queue.add(imageHash(plan), plan);
    await appendFile(join(disk, 'ballast'), Buffer.alloc(2 ** 20)).catch(() => {});
    free = true;
    wake();
    await expect.poll(() => lines.length, { timeout: 20_000 }).toBeGreaterThan(4);
    expect([built, (await readdir(dir)).filter((name) => !name.startsWith('.')).length]).toEqual([0, 1]);
    await rm(join(disk, 'ballast'));
    await rest(queue);
    expect([built, await readdir(dir)]).toEqual([1, []]);
  });

  it('keeps a job that it gave up until there is a result of it', async () => {
    const dir = await newRoot();
    let [tries, ends] = [0, 0];
    const files: string[][] = [];
    const { queue } = await queueWith(dir, {
      async build() {
        tries++;
        throw new Error('its worker ended with SIGKILL');
      },
      async gaveUp() {
        files.push(await readdir(dir));
        if (++ends < 3) throw new Error('no room for the result');
      },
    });
    await queue.add(imageHash(plan), plan);
    await rest(queue);
    expect([tries, ends, await readdir(dir)]).toEqual([3, 3, []]);
    expect(files.map((names) => names.length)).toEqual([1, 1, 1]);
  });
});

/** Processes below this one that run the program of a worker. */
async function workerPids(): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const mine = await Promise.all(
    pids.map(async (pid) => {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
      const parent = Number(/\) \S (\d+) /.exec(stat)?.[1]);
      return line.includes('opq-attended-worker.js') && parent === process.pid ? [pid] : [];
    }),
  );
  return mine.flat();
}
