import { mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Context, Next } from 'koa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packageName, signatureName } from '../../protocol/version.ts';
import { listen, type RunningServer } from '../../server/listen.ts';
import { countTraffic } from '../../server/monitoring/traffic.ts';
import { ask } from './site.ts';

const old = 1_550_190_683;
const fresh = 1_550_190_999;

let dir: string;
let server: RunningServer;
let lines: string[];
let clock: { aheadMs: number };
let traffic: ReturnType<typeof countTraffic>;
/** Requests that were not answered from memory. */
let made: string[];
/** Before an answer that was made is given. */
let beforeGiven: () => Promise<unknown>;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'opq-updates-'));
  beforeGiven = async () => {};
  [lines, made, clock, traffic] = [[], [], { aheadMs: 0 }, countTraffic()];
  await publish(old);
  // The folder rests: what it holds may be remembered.
  await utimes(dir, 1_600_000_000, 1_600_000_000);
  server = await listen(
    { port: 0, updates_dir: dir, host: '127.0.0.1' },
    {
      // Stands still: nothing gets old while a busy machine does something else.
      nowMs: () => 1_700_000_000_000 + clock.aheadMs,
      log: (line) => void lines.push(line),
      layer: (ctx: Context, next: Next) => {
        made.push(`${ctx.method} ${ctx.url}`);
        return next().then(beforeGiven);
      },
      traffic,
    },
  );
});
afterEach(async () => {
  await server.stop(0);
  await rm(dir, { recursive: true });
});

async function publish(version: number): Promise<void> {
  await writeFile(join(dir, packageName(version)), `package ${version}`);
  await writeFile(join(dir, signatureName(version)), `signature ${version}`);
  await writeFile(join(dir, 'new'), JSON.stringify({ version }));
  await rename(join(dir, 'new'), join(dir, 'version.json'));
}

const says = async (path: string, headers = {}) => {
  const { status, headers: answered, body } = await ask(server.url, path, { headers });
  return `${status} ${answered.location ?? body}`;
};

describe('what every box asks', () => {
  it.each(['/version', '/version.json', '/latest'])('is made once and given again word for word: %s', async (path) => {
    const first = await raw(path);
    const again = await raw(path);
    expect(first.status).toBe(path === '/latest' ? 303 : 200);
    expect(again).toEqual(first);
    expect(made).toEqual([`GET ${path}`]);

    const head = await raw(path, { method: 'HEAD' });
    expect(head).toEqual({ ...first, body: '' });
    expect(made).toHaveLength(1);
  });

  it.each(['/version', '/version.json'])('is not sent to who has it: %s', async (path) => {
    const { etag = '' } = Object.fromEntries(
      pairs((await raw(path)).headers).map(([name, value]) => [name.toLowerCase(), value]),
    );
    await server.stop(0); // made anew below, without a memory
    server = await listen({ port: 0, updates_dir: dir, host: '127.0.0.1' }, { nowMs: () => 1_700_000_000_000 });
    const made304 = await raw(path, { headers: { 'If-None-Match': etag } });
    await raw(path);
    expect(made304).toMatchObject({ status: 304, body: '' });
    for (const condition of [etag, `W/${etag}`, `"other", ${etag}`, '*'])
      expect(await raw(path, { headers: { 'If-None-Match': condition } })).toEqual(made304);
    expect((await raw(path, { headers: { 'If-None-Match': '"other"' } })).status).toBe(200);
  });

  it.each([
    ['a part of it', '/version.json', { Range: 'bytes=0-3' }, '206 {"ve'],
    ['another state of it', '/version', { 'If-Match': '"other"' }, '412 Precondition failed.\n'],
    ['it by another address', `/version?since=${old}`, {}, `200 ${old}`],
  ])('is made for who wants %s', async (_, path, headers, answer) => {
    await says('/version');
    await says('/version.json');
    expect(await says(path, headers)).toBe(answer);
    expect(made.at(-1)).toBe(`GET ${path}`);
  });

  it('is not remembered when there is nothing to tell', async () => {
    for (const name of [packageName(old), signatureName(old), 'version.json']) await rm(join(dir, name));
    for (const path of ['/version', '/latest', '/version.json', '/version', '/latest', '/version.json'])
      expect(await says(path)).toBe('404 Resource not found.\n');
    expect(made).toHaveLength(6);
  });

  it('takes other methods for what they are', async () => {
    await says('/version');
    expect((await ask(server.url, '/version', { method: 'DELETE' })).status).toBe(405);
  });
});

describe('what is remembered', () => {
  const all = ['/version', '/version.json', '/latest'];
  const told = (version: number) => [
    `200 ${version}`,
    `200 {"version":${version}}`,
    `303 /update/${packageName(version)}`,
  ];
  const answers = async () => {
    const said: string[] = [];
    for (const path of all) said.push(await says(path));
    return said;
  };

  it('is forgotten with the first change: a release, a file written over, a withdrawal', async () => {
    expect([await answers(), await answers()]).toEqual([told(old), told(old)]);
    expect(made).toHaveLength(3);
    await publish(fresh);
    // The list of packages goes by this time, which some file systems keep in steps of some milliseconds.
    await utimes(dir, 1_600_000_100, 1_600_000_100);
    expect(await answers()).toEqual(told(fresh));
    await writeFile(join(dir, 'version.json'), '{}');
    expect(await says('/version.json')).toBe('200 {}');
    for (const name of [packageName(fresh), signatureName(fresh)]) await rm(join(dir, name));
    await utimes(dir, 1_600_000_200, 1_600_000_200);
    expect(await says('/version')).toBe(`200 ${old}`);
  });

  it('is forgotten a second later, for a disk that tells of no change', async () => {
    await answers();
    clock.aheadMs = 499;
    await answers();
    expect(made).toHaveLength(3);
    clock.aheadMs = 1000;
    await answers();
    expect(made).toHaveLength(6);
    clock.aheadMs = -1000;
    await answers();
    expect(made).toHaveLength(9);
  });

  it('is made anew by one who asks when half of that is over, while all others still get it', async () => {
    await says('/version');
    clock.aheadMs = 500;
    let given = () => {};
    beforeGiven = () => new Promise<void>((resolve) => (given = resolve));
    const renewer = says('/version');
    await expect.poll(() => made).toHaveLength(2);
    for (let i = 0; i < 5; i++) expect(await says('/version')).toBe(`200 ${old}`);
    given();
    expect(await renewer).toBe(`200 ${old}`);
    clock.aheadMs = 999;
    await says('/version');
    expect(made).toHaveLength(2);
  });

  it('is forgotten at its time when who was to make it anew gets no answer', async () => {
    await says('/version');
    clock.aheadMs = 500;
    beforeGiven = () => Promise.reject(new Error('a bad disk'));
    expect((await ask(server.url, '/version')).status).toBe(500);
    clock.aheadMs = 999;
    await says('/version');
    expect(made).toHaveLength(2);
    clock.aheadMs = 1000;
    beforeGiven = async () => {};
    await says('/version');
    expect(made).toHaveLength(3);
  });

  it('is not what was read before a change, when one came while it was made anew', async () => {
    await says('/version');
    clock.aheadMs = 500;
    beforeGiven = async () => {
      await publish(fresh);
      await utimes(dir, 1_600_000_100, 1_600_000_100);
      // That of the change is told by then.
      await new Promise((resolve) => setTimeout(resolve, 100));
    };
    expect(await says('/version')).toBe(`200 ${old}`);
    beforeGiven = async () => {};
    expect(await says('/version')).toBe(`200 ${fresh}`);
  });

  it('is forgotten when another folder takes the place of this one, and when there is none', async () => {
    await answers();
    await rename(dir, `${dir}.away`);
    expect((await ask(server.url, '/version')).status).toBe(503);
    expect((await ask(server.url, '/version')).status).toBe(503);
    await rename(`${dir}.away`, dir);
    expect(await answers()).toEqual(told(old));
  });
});

describe('answers from memory', () => {
  it('have a line in the log each, up to a hundred in a second; the rest is counted, and all are in the metrics', async () => {
    const headers = { 'User-Agent': 'box 7' };
    let asked = 0;
    // So many in a second need not come of the first few hundred on a busy machine.
    while (!lines.some((line) => line.startsWith('and '))) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => raw('/version', { headers })));
      asked += answers.filter(({ status }) => status === 200).length;
    }
    // Twenty may be on their way when the second is over.
    await expect.poll(counted).toBe(asked);
    const single = lines.filter((line) => line === '127.0.0.1 GET "/version" 200 done 0 ms "box 7"');
    expect(single.length).toBeGreaterThan(100);
    expect(traffic.requests).toEqual(new Map([['/version 200', asked]]));
  });

  it('are as many on one connection as a client likes, one after the other', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number>();
    for (let i = 0; i < 60; i++) ports.add((await raw(i % 2 ? '/version' : '/ls', { agent })).port);
    agent.destroy();
    expect(ports.size).toBe(1);
  });

  it('go through the limit of one connection when they were asked all at once', async () => {
    await says('/version');
    const before = made.length;
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    socket.write('GET /version HTTP/1.1\r\nHost: server\r\n\r\n'.repeat(500));
    await new Promise((resolve) =>
      socket
        .on('error', () => {})
        .once('close', resolve)
        .resume(),
    );
    expect(made.length - before).toBeLessThanOrEqual(20);
  });
});

/** Answers that the log tells of. */
const counted = (): number =>
  lines.reduce(
    (sum, line) => sum + Number(/^and (\d+) more answers from memory in that second$/.exec(line)?.[1] ?? 1),
    0,
  );

interface Raw {
  readonly status: number;
  /** Names and values as they came, but the time of day. */
  readonly headers: readonly string[];
  readonly body: string;
}

function raw(
  path: string,
  how: { method?: string; headers?: object; agent?: Agent } = {},
): Promise<Raw & { port: number }> {
  return new Promise((resolve, reject) => {
    const { agent = false, method, headers = {} } = how;
    const asked = request(server.url, { path, agent, method, headers: { ...headers } }, (answer) => {
      let body = '';
      answer.on('data', (chunk) => {
        body += chunk;
      });
      answer.on('end', () => {
        const { statusCode: status = 0, rawHeaders } = answer;
        const told = pairs(rawHeaders)
          .filter(([name]) => name !== 'Date')
          .flat();
        resolve({ status, headers: told, body, port: agent ? (asked.socket?.localPort ?? 0) : 0 });
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}

const pairs = (flat: readonly string[]): [string, string][] =>
  Array.from({ length: flat.length / 2 }, (_, n) => [flat[2 * n] ?? '', flat[2 * n + 1] ?? '']);
