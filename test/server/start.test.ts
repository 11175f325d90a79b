import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageName, signatureName } from '../../protocol/version.ts';
import { bundle, runProgram } from './program.ts';
import { ask } from './site.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'opq-updates-'));
});
afterAll(() => rm(dir, { recursive: true }));

describe('the program starts', () => {
  it('with the settings of the old server in the environment, and says where it listens', async () => {
    const server = runProgram({ port: 0, updates_dir: dir });
    const url = await server.url();
    expect(new URL(url).port).not.toBe('0');
    expect((await fetch(url)).status).toBe(200);
    server.child.kill('SIGTERM');
    const { code, stdout, stderr } = await server.ended;
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(
      `opq-update-server listening on ${url}, and on all other addresses of this machine, updates from`,
    );
  });

  it('with a settings file, which goes before the environment', async () => {
    const file = join(dir, 'settings.json');
    await writeFile(file, JSON.stringify({ port: 0, updates_dir: dir, host: '127.0.0.1' }));
    const server = runProgram('not read', ['--settings', file]);
    const url = await server.url();
    expect((await fetch(url)).status).toBe(200);
    server.child.kill('SIGINT');
    const { code, stdout } = await server.ended;
    expect(code).toBe(0);
    expect(stdout).toContain(`opq-update-server listening on ${url}, updates from ${dir}\n`);
  });

  it('on all addresses unless one is named', async () => {
    const server = runProgram({ port: 0, updates_dir: dir });
    const { port } = new URL(await server.url());
    const table = await readFile('/proc/net/tcp', 'utf8').catch(() => '');
    const table6 = await readFile('/proc/net/tcp6', 'utf8').catch(() => '');
    const hexPort = Number(port).toString(16).toUpperCase().padStart(4, '0');
    expect(`${table}${table6}`).toMatch(new RegExp(` (0{8}|0{32}):${hexPort} `));
    server.child.kill('SIGKILL');
  });

  it('tells its usage', async () => {
    const { code, stdout } = await runProgram('', ['--help']).ended;
    expect(code).toBe(0);
    expect(stdout).toContain('BOX_UPDATE_SERVER_SETTINGS');
  });
});

describe('the program ends with 2 and says what is wrong', () => {
  const rows: readonly [title: string, settings: unknown, args: readonly string[], words: readonly string[]][] = [
    ['there are no settings', undefined, [], ['BOX_UPDATE_SERVER_SETTINGS', 'updates_dir']],
    ['the settings are empty', ' ', [], ['BOX_UPDATE_SERVER_SETTINGS']],
    ['the settings are not JSON', 'port=8151', [], ['JSON', 'port=8151']],
    ['the settings are no object', [8151], [], ['object', '[8151]']],
    ['settings are missing', {}, [], ['port', 'updates_dir', 'found nothing']],
    ['the port is text', { port: '8151', updates_dir: '.' }, [], ['port', 'whole number', '"8151"']],
    ['the port is out of range', { port: 65_536, updates_dir: '.' }, [], ['port', '65535', '65536']],
    ['a setting is not known', { port: 0, updates_dir: '.', prot: 1 }, [], ['"prot"', 'port, updates_dir, host']],
    [
      'the metrics have no port',
      { port: 0, updates_dir: '.', metrics: {} },
      [],
      ['metrics should be', '{"port":9151}'],
    ],
    [
      'the metrics have an unknown key',
      { port: 0, updates_dir: '.', metrics: { port: 0, path: '/' } },
      [],
      ['metrics should'],
    ],
    ['the folder is missing', { port: 0, updates_dir: '/no/such/folder' }, [], ['/no/such/folder', 'ENOENT']],
    ['the folder is a file', { port: 0, updates_dir: '/dev/null' }, [], ['/dev/null', 'folder']],
    ['the settings file is missing', '', ['--settings', '/no/such/file'], ['/no/such/file', 'ENOENT']],
    ['an option is not known', '', ['--port', '8151'], ['--port', 'Usage:']],
    ['an argument is too much', '', ['updates'], ['updates', 'Usage:']],
    ['the address is not of this machine', { port: 0, updates_dir: '.', host: '192.0.2.1' }, [], ['192.0.2.1']],
  ];
  it.each(rows)('when %s', async (_, settings, args, words) => {
    const { code, stdout, stderr } = await runProgram(settings, args).ended;
    expect([code, stdout]).toEqual([2, '']);
    for (const word of words) expect(stderr).toContain(word);
    expect(stderr).not.toMatch(/^ {4}at /m);
  });

  /** A user without rights: the system refuses ports below 1024 unless it is told otherwise, as in some containers. */
  const lowest = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));
  it.runIf(lowest > 80)('when the port is for root', async () => {
    const withoutRight = process.geteuid?.() === 0 ? ['setpriv', '--bounding-set=-net_bind_service'] : [];
    const command = [...withoutRight, process.execPath, bundle];
    const { code, stderr } = await runProgram({ port: 80, updates_dir: dir, host: '127.0.0.1' }, [], command).ended;
    expect([code, stderr]).toEqual([2, expect.stringMatching(/EACCES\. .*CAP_NET_BIND_SERVICE/)]);
  });

  it('when another program has the port', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    const { code, stderr } = await runProgram({ port, updates_dir: dir, host: '127.0.0.1' }).ended;
    expect(code).toBe(2);
    expect(stderr).toContain('EADDRINUSE');
    other.close();
  });
});

describe('the program stops', () => {
  const sizeBytes = 64 * 1024 * 1024;
  beforeAll(async () => {
    await writeFile(join(dir, packageName(1_550_190_683)), '');
    await truncate(join(dir, packageName(1_550_190_683)), sizeBytes);
    await writeFile(join(dir, signatureName(1_550_190_683)), 'signature');
  });

  it('when asked to, but lets a running download finish and takes no new one', async () => {
    const server = runProgram({ port: 0, updates_dir: dir });
    const url = await server.url();
    const download = await fetch(`${url}/update/1550190683`);
    server.child.kill('SIGTERM');
    while (
      !(await ask(url, '/version').then(
        () => false,
        () => true,
      ))
    );
    expect(server.child.exitCode).toBeNull();
    expect((await download.arrayBuffer()).byteLength).toBe(sizeBytes);
    expect((await server.ended).code).toBe(0);
  });

  it('and its log accounts for every answer, those of its last second too', async () => {
    const server = runProgram({ port: 0, updates_dir: dir });
    const url = await server.url();
    // The first goes the long way and is learned; the others are from memory.
    expect((await ask(url, '/version')).status).toBe(200);
    const asked = 300;
    for (let n = 1; n < asked; n++) await ask(url, '/version');
    server.child.kill('SIGTERM');
    const { code, stdout } = await server.ended;
    const counts = [...stdout.matchAll(/^and (\d+) more answers/gm)].map(([, count]) => Number(count));
    const lines = stdout.split('\n').filter((line) => line.includes('"/version" 200'));
    expect(counts.reduce((sum, count) => sum + count, lines.length)).toBe(asked);
    expect(code).toBe(0);
  });

  it('at once on a second signal', async () => {
    const server = runProgram({ port: 0, updates_dir: dir });
    const url = await server.url();
    const download = await fetch(`${url}/update/1550190683`);
    server.child.kill('SIGTERM');
    while (
      !(await ask(url, '/version').then(
        () => false,
        () => true,
      ))
    );
    server.child.kill('SIGTERM');
    await server.ended;
    expect(server.child.signalCode).toBe('SIGTERM');
    await expect(download.arrayBuffer()).rejects.toThrow();
  });
});
