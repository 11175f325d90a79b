import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UpdateError } from '../../../protocol/errors.ts';
import { openBullQueue, workOn } from '../../../server/attended/bullmq-queue.ts';
import { imageHash, type Plan } from '../../../server/attended/plan.ts';
import { maxTries } from '../../../server/attended/queue.ts';
import { runProgram } from '../program.ts';
import { base } from './contract.ts';
import { dialects, makeStore, openShop, type Shop, settingsIn, usualParts, workerProgram } from './shop.ts';

const path = '/api/build-request';
const whole = { ...base, ...dialects.B };
const engine = ['valkey-server', 'redis-server'].find((name) => spawnSync(name, ['--version']).status === 0);

const planFor = (profile: string): Plan => ({
  ...{ distro: 'opq', version: 1_550_190_683, target: 'rpi/3', profile },
  ...{ components: [], defaults: null, max_bytes: 1_000 },
});

it('has an engine to be tried with', () => {
  expect(engine, 'install redis-server (Debian), as setup/test.sh does').toBeDefined();
});

describe.runIf(engine !== undefined)('With a queue on a Redis server', () => {
  let root: string;
  let redis: ReturnType<typeof spawn>;
  let shop: Shop;
  let more: { redis_url: string; hold_ms: number; defaults_keys: string[]; max_queue: number };
  const workers: ReturnType<typeof runProgram>[] = [];

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'opq-redis-'));
    const socket = join(root, 'redis.sock');
    redis = spawn(engine!, ['--port', '0', '--unixsocket', socket, '--save', '', '--dir', root], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for (let said = ''; !/ready to accept connections/i.test(said); ) said += (await once(redis.stdout!, 'data'))[0];
    redis.stdout!.resume();
    const big = { name: 'dsp-firmware', version: '1', files: { big: 'x'.repeat(60_000_000) } };
    await makeStore(root, [...usualParts, big]);
    more = { redis_url: `unix://${socket}`, hold_ms: 0, defaults_keys: ['box_id'], max_queue: 5 };
    shop = await openShop(more, { root });
  });
  afterAll(async () => {
    for (const { child, ended } of workers) {
      child.kill('SIGKILL');
      await ended;
    }
    await shop.stop();
    redis.kill('SIGKILL');
    await once(redis, 'exit');
    await rm(root, { recursive: true });
  });

  async function startWorker() {
    const settings = { port: 0, updates_dir: root, attended: { ...settingsIn(root), ...more } };
    const worker = runProgram(settings, [], [process.execPath, workerProgram]);
    workers.push(worker);
    let said = '';
    worker.child.stderr!.on('data', (chunk) => (said += chunk));
    await expect.poll(() => said, { timeout: 30_000 }).toContain('takes builds');
    return { ...worker, said: () => said };
  }
  const ask = (more: object) => shop.post(path, { ...whole, ...more });
  const answer = (request: string) => shop.get(`${path}/${request}`);

  it('says that there is no worker while there is none', async () => {
    expect((await ask({})).status).toBe(502);
    expect((await shop.attended.numbers()).queue).toEqual({ queued: 0, running: 0, alive: false });
  });

  it('tells who watches it that the engine does not answer, and goes on when it does', async () => {
    redis.kill('SIGSTOP');
    expect((await shop.attended.numbers()).queue).toBeUndefined();
    redis.kill('SIGCONT');
    expect((await shop.attended.numbers()).queue).toMatchObject({ running: 0 });
  });

  it('builds once what is asked for fifty times, by two workers, and goes on when one is killed in the middle', async () => {
    const [one, two] = [await startWorker(), await startWorker()];
    await expect.poll(async () => (await ask({ packages: ['triggering'] })).status, { timeout: 30_000 }).toBe(200);

    const fifty = await Promise.all(Array.from({ length: 50 }, () => ask({ packages: ['dsp-firmware'] })));
    const requests = new Set(fifty.map(({ json }) => json.request_hash));
    expect(requests.size).toBe(1);
    const [request] = requests;
    await expect
      .poll(async () => (await answer(request)).headers['x-imagebuilder-status'], { timeout: 30_000, interval: 20 })
      .toBe('building');
    const images = [one, two].flatMap((worker) =>
      [...worker.said().matchAll(/building ([0-9a-f]{64})/g)].map(([, hash]) => hash!),
    );
    // Two were built: the small one first.
    expect(images).toHaveLength(2);
    const small = (await ask({ packages: ['triggering'] })).json.image_hash;
    const image = images.find((hash) => hash !== small)!;
    // The first word of a build is in the log of the worker that has it.
    const [killed, other] = one.said().includes(image) ? [one, two] : [two, one];
    killed.child.kill('SIGKILL');
    await killed.ended;
    await expect.poll(async () => (await answer(request)).status, { timeout: 50_000 }).toBe(200);
    expect(other.said()).toContain(image);
  });

  it('refuses what is over its limit, and knows what waits after a restart of the server', async () => {
    const { child, ended } = workers.find(
      (worker) => worker.child.exitCode === null && worker.child.signalCode === null,
    )!;
    // An image is answered with as soon as it is there, a moment before the queue knows that its build is over.
    await expect
      .poll(async () => (await shop.attended.numbers()).queue, { timeout: 50_000 })
      .toMatchObject({ queued: 0, running: 0 });
    child.kill('SIGSTOP');
    const replies = [];
    for (let i = 0; i < 8; i++) replies.push(await ask({ packages: ['triggering'], defaults: `{"box_id":${i}}` }));
    const taken = replies.filter(({ status }) => status === 202);
    expect(replies.filter(({ status }) => status === 503)).toHaveLength(8 - taken.length);
    expect(taken.length).toBe(5);
    await shop.stop();
    shop = await openShop(more, { root });
    expect((await answer(taken.at(-1)!.json.request_hash)).status).toBe(202);
    const { queue } = await shop.attended.numbers();
    expect(queue!.queued + queue!.running).toBe(5);
    child.kill('SIGCONT');
    await expect
      .poll(async () => (await answer(taken.at(-1)!.json.request_hash)).status, { timeout: 50_000 })
      .toBe(200);
    child.kill('SIGTERM');
    expect((await ended).code).toBe(0);
  });

  it.each(['DISK_FULL', 'DISK_FAILED'] as const)(
    'counts no try that ended with %s, and waits after it',
    async (code) => {
      let [tries, gaveUp] = [0, 0];
      const said: string[] = [];
      const plan = planFor(code);
      const end = await workOn(
        more.redis_url,
        async () => {
          if (++tries <= 2 * maxTries) throw new UpdateError(code, 'of the worker');
        },
        async () => void gaveUp++,
        (line) => void said.push(line),
        5,
      );
      const queue = await openBullQueue(more.redis_url, 5, () => {});
      await queue.add(imageHash(plan), plan);
      await expect.poll(() => tries, { timeout: 30_000 }).toBe(2 * maxTries + 1);
      await expect.poll(() => queue.count(), { timeout: 30_000 }).toEqual({ queued: 0, running: 0 });
      expect([gaveUp, said.filter((line) => line.includes('waits')).length]).toEqual([0, 2 * maxTries]);
      await end();
      await queue.close();
    },
  );

  it('begins a build that failed otherwise as often as it may, then gives it up', async () => {
    let [tries, gaveUp] = [0, 0];
    const plan = planFor('fails');
    const fails = async () => {
      tries++;
      throw new Error('its worker is wrong');
    };
    const end = await workOn(
      more.redis_url,
      fails,
      async () => void gaveUp++,
      () => {},
    );
    const queue = await openBullQueue(more.redis_url, 5, () => {});
    await queue.add(imageHash(plan), plan);
    await expect.poll(() => gaveUp, { timeout: 30_000 }).toBe(1);
    expect([tries, await queue.count()]).toEqual([maxTries, { queued: 0, running: 0 }]);
    await end();
    await queue.close();
  });

  it('starts no worker of its own, and none starts without the engine', async () => {
    await writeFile(
      join(root, 'settings.json'),
      JSON.stringify({ port: 0, updates_dir: root, attended: settingsIn(root) }),
    );
    const { code, stderr } = await runProgram(
      '',
      ['--settings', join(root, 'settings.json')],
      [process.execPath, workerProgram],
    ).ended;
    expect(code).toBe(2);
    expect(stderr).toContain('redis_url');
  });
});
