import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { samplesOf } from '../monitoring/watched-site.ts';
import { runProgram } from '../program.ts';
import { ask, eventually } from '../site.ts';
import { base } from './contract.ts';
import { dialects, makeStore, openShop, say, settingsIn, stuckWorker } from './shop.ts';

const path = '/api/build-request';
const whole = { ...base, ...dialects.B };

it('Metrics count the builds that ended, by what came of them, and the requests of the API', async () => {
  const root = await mkdtemp(join(tmpdir(), 'opq-numbers-'));
  await makeStore(root);
  const server = runProgram({ port: 0, updates_dir: root, metrics: { port: 0 }, attended: settingsIn(root) });
  const url = await server.url();
  const printed = () => / metrics on (\S+)\/metrics\n/.exec(server.output())?.[1];
  const monitoring = (await eventually(printed, (found) => found !== undefined))!;
  const { json } = await say(url, 'POST', path, { ...whole, packages: ['triggering'] });
  await say(url, 'POST', path, { ...whole, packages: ['triggering'] });
  await say(url, 'POST', path, { ...whole, packages: ['plugin-thd', 'plugin-vrms'] });
  const image = await say(url, 'GET', `/json/${json.image_hash}/${json.sysupgrade.split('/').at(-1)}`);
  expect(image.status).toBe(200);

  const samples = samplesOf((await ask(monitoring, '/metrics')).body.toString());
  const value = (name: string, labels: object = {}) =>
    samples.find(
      (one) => one.name === `opq_update_server_${name}` && JSON.stringify(one.labels) === JSON.stringify(labels),
    )?.value;
  expect(value('builds_ended_total', { outcome: 'done' })).toBe(1);
  expect(value('builds_ended_total', { outcome: 'conflict' })).toBe(1);
  expect(value('builds_ended_total', { outcome: 'failed' })).toBe(0);
  expect(value('build_seconds_total')).toBeGreaterThan(0);
  expect(value('build_queue_healthy')).toBe(1);
  expect(value('image_bytes')).toBeGreaterThanOrEqual(image.bytes.length);
  expect(value('disk_free_bytes', { folder: 'cache' })).toBeGreaterThan(0);
  expect(value('requests_total', { route: '/api/*', status: '200' })).toBe(2);
  expect(value('requests_total', { route: '/json/*', status: '200' })).toBe(1);
  expect(value('downloads_begun_total')).toBe(1);
  server.child.kill('SIGTERM');
  expect((await server.ended).code).toBe(0);
  await rm(root, { recursive: true });
});

it('Metrics tell how many builds wait and run', async () => {
  const shop = await openShop({ hold_ms: 0 }, { program: stuckWorker });
  for (const name of ['triggering', 'plugin-thd', 'plugin-vrms']) await shop.post(path, { ...whole, packages: [name] });
  const queue = await eventually(
    async () => (await shop.attended.numbers()).queue,
    (now) => now?.running === 1,
  );
  expect(queue).toEqual({ queued: 2, running: 1, alive: true });
  await shop.close();
});
