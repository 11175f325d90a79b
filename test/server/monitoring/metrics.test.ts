import { rename, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packageName } from '../../../protocol/version.ts';
import { runProgram } from '../program.ts';
import { ask, eventually } from '../site.ts';
import { openWatchedSite, samplesOf } from './watched-site.ts';

const release = 1_550_190_683;
let site: Awaited<ReturnType<typeof openWatchedSite>>;
beforeEach(async () => {
  site = await openWatchedSite();
});
afterEach(() => site.close());

describe('The metrics of the update server', () => {
  it('are text that Prometheus reads, with the process among them', async () => {
    const { status, headers, body } = await ask(site.monitoringUrl, '/metrics');
    expect([status, headers['content-type']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
    const names = samplesOf(body.toString()).map(({ name }) => name);
    for (const name of [
      'process_cpu_seconds_total',
      'process_resident_memory_bytes',
      'nodejs_eventloop_lag_p99_seconds',
    ])
      expect(names).toContain(name);
  });

  it('count requests by the pattern of their path, so that a stranger cannot make up another row', async () => {
    await site.publish(release);
    const paths = [
      '/',
      '/version',
      '/version',
      '/nothing',
      '/else"\\',
      `/update/${release}`,
      '/update/1',
      '/a/b/c',
      '//',
    ];
    for (const path of paths) await ask(site.url, path);
    await ask(site.url, '/version', { method: 'POST' });
    await ask(site.url, '/version', { method: 'BREW' }).catch(() => {}); // no method at all: Node itself refuses it
    expect(await site.of('requests_total')).toEqual({
      '/ 200': 1,
      '/version 200': 2,
      '/:id 404': 2,
      '/update/:id 200': 1,
      '/update/:id 404': 1,
      'none 404': 2,
      'none 405': 1,
    });
  });

  it('count downloads that began, ended and were broken off, and those under way; and the bytes of each', async () => {
    const sizeBytes = 256 * 1024 * 1024;
    await site.publish(release);
    const name = packageName(release);
    await ask(site.url, `/${name}`);
    await ask(site.url, `/${name}.sig`);
    await ask(site.url, `/${name}`, { method: 'HEAD' });
    await ask(site.url, `/${name}`, { headers: { 'if-none-match': '*' } });
    expect(await site.of('downloads_begun_total')).toEqual({ '': 1 });
    await truncate(join(site.dir, name), sizeBytes);
    const before = (await site.of('sent_bytes_total'))['']!;

    const { hostname, port } = new URL(site.url);
    const client = connect(Number(port), hostname);
    client.write(`GET /${name} HTTP/1.1\r\nHost: box\r\nRange: bytes=5-\r\n\r\n`);
    client.once('data', () => client.pause());
    expect(
      await eventually(
        () => site.of('downloads_under_way'),
        (now) => now[''] === 1,
      ),
    ).toEqual({ '': 1 });
    const sent = await eventually(
      () => site.of('sent_bytes_total'),
      (now) => now['']! > before + 10_000,
    );
    expect(sent['']).toBeGreaterThan(before + 10_000);
    expect(sent['']).toBeLessThan(before + sizeBytes);
    expect(await site.of('connections')).toEqual({ '': 1 });

    client.destroy();
    const ended = await eventually(
      () => site.of('downloads_ended_total'),
      (now) => now.cut === 1,
    );
    expect(ended).toEqual({ done: 1, cut: 1 });
    expect(await site.of('downloads_under_way')).toEqual({ '': 0 });
    expect((await site.of('sent_bytes_total'))['']).toBeGreaterThanOrEqual(sent['']!);
    expect((await site.of('requests_total'))['/:id 206']).toBe(1);
  });

  it('tell the newest release, and which packages have no signature or are not handed out', async () => {
    expect(await site.of('packages')).toEqual({ signed: 0, unsigned: 0, left_out: 0 });
    expect(await site.of('newest_release_version')).toEqual({ '': 0 });
    await site.publish(release);
    const newest = packageName(release + 1);
    await writeFile(join(site.dir, newest), 'copied in by hand');
    await utimes(join(site.dir, newest), 1_600_000_000, 1_600_000_000);
    await symlink(newest, join(site.dir, packageName(release + 2)));
    await writeFile(join(site.dir, 'opq-box-update-next.tar.bz2'), 'no version');
    await writeFile(join(site.dir, packageName(release + 3)), 'still being copied');
    expect(await site.of('packages')).toEqual({ signed: 1, unsigned: 1, left_out: 3 });
    expect(await site.of('newest_release_version')).toEqual({ '': release + 1 });
    expect(await site.of('newest_release_changed_timestamp_seconds')).toEqual({ '': 1_600_000_000 });
    expect(await site.of('newest_release_signed')).toEqual({ '': 0 });
    const [free, size] = [await site.of('disk_free_bytes'), await site.of('disk_size_bytes')];
    expect(free.updates).toBeLessThanOrEqual(size.updates!);
  });

  it('go on when the folder cannot be read, and say so', async () => {
    await site.publish(release);
    await rename(site.dir, `${site.dir}.away`);
    expect(await site.of('healthy')).toEqual({ updates_folder: 0, newest_package: 0, release_file: 0 });
    expect(await site.of('packages')).toEqual({});
    await rename(`${site.dir}.away`, site.dir);
    expect(await site.of('healthy')).toEqual({ updates_folder: 1, newest_package: 1, release_file: 1 });
  });
});

describe('Who may read the metrics', () => {
  it('is not everybody: the server itself has no such path, and theirs has no other', async () => {
    expect((await ask(site.url, '/metrics')).status).toBe(404);
    expect((await ask(site.monitoringUrl, '/version')).status).toBe(404);
    expect((await ask(site.monitoringUrl, '/metrics', { method: 'POST' })).status).toBe(405);
  });

  it('is this machine alone, unless the settings name an address', async () => {
    const server = runProgram({ port: 0, updates_dir: site.dir, metrics: { port: 0 } });
    await server.url();
    const printed = () => / metrics on (\S+)\/metrics\n/.exec(server.output())?.[1];
    const url = (await eventually(printed, (found) => found !== undefined))!;
    expect(new URL(url).hostname).toBe('127.0.0.1');
    expect(samplesOf((await ask(url, '/metrics')).body.toString()).length).toBeGreaterThan(20);
    // Every address of this machine is reached where nothing is bound to one: 127.0.0.2 is another than 127.0.0.1.
    await expect(ask(url.replace('127.0.0.1', '127.0.0.2'), '/metrics')).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
    server.child.kill('SIGTERM');
    expect((await server.ended).code).toBe(0);
  });

  it('is nobody by default', async () => {
    const server = runProgram({ port: 0, updates_dir: site.dir });
    expect((await ask(await server.url(), '/metrics')).status).toBe(404);
    server.child.kill('SIGTERM');
    expect((await server.ended).stdout).not.toContain('metrics on');
  });

  it('is told when the port is taken, and the server ends', async () => {
    const { port } = new URL(site.monitoringUrl);
    const metrics = { port: Number(port) };
    const { code, stderr } = await runProgram({ port: 0, updates_dir: site.dir, metrics }).ended;
    expect([code, stderr]).toEqual([2, expect.stringContaining(`port ${port} of 127.0.0.1: EADDRINUSE`)]);
  });
});
