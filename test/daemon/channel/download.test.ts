import { randomBytes } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type DownloadJob, download } from '../../../daemon/channel/download.ts';
import { exists } from '../../../daemon/files.ts';
import { asUpdateError } from '../../../protocol/errors.ts';
import { codeOf } from '../../support/error-of.ts';
import { type Act, fileWith, flakyServer, rawServer, saying } from '../../support/flaky-server.ts';
import { smallDisk } from '../../support/small-disk.ts';

const bytes = randomBytes(300_000);
const half = 150_000;
const network = { caPath: null, proxyUrl: null, userAgent: 'opq-updater/test' };

let path = '';
beforeEach(async () => {
  const dir = await mkdtemp(join(tmpdir(), 'opq-download-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  path = join(dir, 'package.unverified');
});

/** Downloads to `path`, waiting for nothing between two tries. */
const fetch = (url: string, more: Partial<DownloadJob> = {}, report: (done: number) => void = () => {}) =>
  download(
    {
      url,
      path,
      sizeBytes: bytes.length,
      maxBytes: 1_000_000,
      minBytesPerS: 0,
      longestMs: 3_600_000,
      network,
      patience: { tries: 3, firstWaitMs: 1 },
      ...more,
    },
    report,
    async () => {},
  );

/** What an earlier daemon left behind. */
async function partial(content: Buffer | string, etag?: string): Promise<void> {
  await writeFile(path, content);
  if (etag !== undefined) await writeFile(`${path}.etag`, etag);
}

const ranges = ({ headers }: { headers: IncomingMessage['headers'][] }) => headers.map(({ range }) => range ?? 'whole');
/** A body whose length only its end tells. */
const unannounced =
  (body: Buffer): Act =>
  (_, response) =>
    void response.writeHead(200, { 'transfer-encoding': 'chunked' }).end(body);
const isWhole = async () => (await readFile(path)).equals(bytes);
const sizeOnDisk = async () => ((await exists(path)) ? (await stat(path)).size : 'gone');

it('fetches a package whole and says how far it is', async () => {
  const server = await flakyServer(fileWith(bytes));
  const seen: number[] = [];
  expect(await fetch(server.url, {}, (done) => seen.push(done))).toEqual({ sizeBytes: bytes.length, resumed: false });
  expect(await isWhole()).toBe(true);
  expect(seen.at(-1)).toBe(bytes.length);
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  expect(server.headers[0]).not.toHaveProperty('range');
});

it('takes the word of a server of the old kind for the size, or does without', async () => {
  const announced = await flakyServer(fileWith(bytes));
  expect(await fetch(announced.url, { sizeBytes: null })).toMatchObject({ sizeBytes: bytes.length });
  const silent = await flakyServer(unannounced(bytes));
  expect(await fetch(silent.url, { sizeBytes: null })).toMatchObject({ sizeBytes: bytes.length });
  const oldest = await rawServer((socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.0 200 OK\r\n\r\n');
      socket.end(bytes);
    });
  });
  await rm(path);
  expect(await fetch(oldest.url, { sizeBytes: null })).toMatchObject({ sizeBytes: bytes.length });
  expect(await isWhole()).toBe(true);
});

it('is not begun, or ends, where it would not fit beside the reserve, and leaves nothing', async () => {
  const fitBytes = bytes.length - 1;
  const announced = await flakyServer(fileWith(bytes));
  expect(await codeOf(fetch(announced.url, { fitBytes }))).toBe('DISK_FULL');
  const silent = await flakyServer(unannounced(bytes));
  expect(await codeOf(fetch(silent.url, { sizeBytes: null, fitBytes }))).toBe('DISK_FULL');
  expect(await exists(path)).toBe(false);
  expect(await fetch(announced.url, { fitBytes: bytes.length })).toMatchObject({ sizeBytes: bytes.length });
});

describe('a download that is cut', () => {
  it('ten times goes on each time and fetches each byte once', async () => {
    const large = randomBytes(24_000_000);
    let sent = 0;
    const cuts = Array(10).fill(2_000_000);
    const server = await flakyServer(fileWith(large, { cuts, onSent: (n) => (sent += n) }));
    const result = await fetch(server.url, { sizeBytes: large.length, maxBytes: large.length });
    expect(result).toEqual({ sizeBytes: large.length, resumed: true });
    expect((await readFile(path)).equals(large)).toBe(true);
    expect(server.asked).toHaveLength(11);
    expect(sent).toBeLessThan(large.length * 1.01);
    expect(server.headers.slice(1).every((asked) => asked['if-range'] === '"one"')).toBe(true);
  });

  it('goes on after a restart where the file ends', async () => {
    const server = await flakyServer(fileWith(bytes, { cuts: [half, 0, 0] }));
    expect(await codeOf(fetch(server.url))).toBe('SERVER_UNREACHABLE');
    const have = await sizeOnDisk();
    expect(have).toBeGreaterThan(half / 2);
    expect(await fetch(server.url)).toEqual({ sizeBytes: bytes.length, resumed: true });
    expect(await isWhole()).toBe(true);
    expect(ranges(server)).toEqual(['whole', `bytes=${have}-`, `bytes=${have}-`, `bytes=${have}-`]);
  });

  it('is whole after any cuts at any place, while there is something new each time', () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 100_000 }), { maxLength: 6 });
    return fc.assert(
      fc.asyncProperty(cuts, async (all) => {
        await rm(path, { force: true });
        const server = await flakyServer(fileWith(bytes, { cuts: all }));
        expect(await fetch(server.url)).toMatchObject({ sizeBytes: bytes.length });
        expect(await isWhole()).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('is not asked for again when all of it is here', async () => {
    await partial(bytes, '"one"');
    const server = await flakyServer(fileWith(bytes));
    expect(await fetch(server.url)).toEqual({ sizeBytes: bytes.length, resumed: true });
    expect(server.asked).toEqual([]);
    expect(await fetch(server.url, { sizeBytes: null })).toEqual({ sizeBytes: bytes.length, resumed: true });
    expect(server.headers).toHaveLength(1);
  });

  it('is given up when the server always begins anew, and not followed for ever', async () => {
    const server = await flakyServer((_, response) => {
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, half), () => response.destroy());
    });
    expect(await codeOf(fetch(server.url))).toBe('SERVER_UNREACHABLE');
    expect(server.asked.length).toBeLessThan(10);
  });
});

describe('a server that lies about what it resumes', () => {
  const reply =
    (status: number, headers: Record<string, string | number>, body: Buffer): Act =>
    (_, response) =>
      void response.writeHead(status, headers).end(body);
  const rest = bytes.subarray(half);
  const partially = (start: number, total: number | string, etag = '"one"') => ({
    'content-range': `bytes ${start}-${bytes.length - 1}/${total}`,
    etag,
  });
  const lies: [string, Act][] = [
    ['sends another range', reply(206, partially(half - 1, bytes.length), bytes.subarray(half - 1))],
    ['sends the range from the beginning', reply(206, partially(0, bytes.length), bytes)],
    ['tells another total', reply(206, partially(half, bytes.length + 1), rest)],
    ['tells no total', reply(206, partially(half, '*'), rest)],
    ['tells no range', reply(206, { etag: '"one"' }, rest)],
    ['tells the range in other units', reply(206, { 'content-range': `pages ${half}-1/2`, etag: '"one"' }, rest)],
    ['has another file by now', reply(206, partially(half, bytes.length, '"two"'), randomBytes(half))],
    ['forgot which file it was', reply(206, { 'content-range': `bytes ${half}-299999/300000` }, rest)],
    ['says that there is nothing more', reply(416, { 'content-range': `bytes */${half}` }, Buffer.alloc(0))],
    ['says that it has less', reply(416, { 'content-range': 'bytes */7' }, Buffer.alloc(0))],
  ];
  it.each(lies)('and %s is asked for the whole file', async (_, lie) => {
    await partial(bytes.subarray(0, half), '"one"');
    const good = fileWith(bytes);
    const server = await flakyServer((request, response, n) => (n === 0 ? lie : good)(request, response, n));
    expect(await fetch(server.url)).toEqual({ sizeBytes: bytes.length, resumed: false });
    expect(await isWhole()).toBe(true);
    expect(ranges(server)).toEqual([`bytes=${half}-`, 'whole']);
  });

  it.each(lies)('and %s every time is given up', async (_, lie) => {
    await partial(bytes.subarray(0, half), '"one"');
    const server = await flakyServer(lie);
    expect(await codeOf(fetch(server.url))).toMatch(/^SERVER_ERROR$/);
    expect(server.asked).toHaveLength(3);
  });

  it('and sends the whole file in place of the rest is taken at its word', async () => {
    await partial(randomBytes(half), '"one"');
    const server = await flakyServer((_, response) => void saying(bytes)(_, response, 0));
    expect(await fetch(server.url)).toEqual({ sizeBytes: bytes.length, resumed: false });
    expect(await isWhole()).toBe(true);
  });

  it('and sends less than the range that it tells is asked for the rest', async () => {
    await partial(bytes.subarray(0, half), '"one"');
    const inPieces = (request: IncomingMessage, response: ServerResponse) => {
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1]);
      const end = Math.min(from + 50_000, bytes.length);
      const range = { 'content-range': `bytes ${from}-${end - 1}/${bytes.length}`, etag: '"one"' };
      response.writeHead(206, { 'content-length': end - from, ...range }).end(bytes.subarray(from, end));
    };
    for (const sizeBytes of [bytes.length, null]) {
      await partial(bytes.subarray(0, half), '"one"');
      expect(await fetch((await flakyServer(inPieces)).url, { sizeBytes })).toMatchObject({ resumed: true });
      expect(await isWhole()).toBe(true);
    }
  });
});

describe('what an earlier try left behind', () => {
  it.each([
    '',
    'garbage',
    '"one',
    `"${'x'.repeat(5_000)}"`,
    '"a\u0000b"',
    '"a"\r\nx: y',
    '\u0000'.repeat(40),
    'W/"weak"',
  ])('with %j for an ETag is as good as without one', async (etag) => {
    await partial(bytes.subarray(0, half), etag);
    const server = await flakyServer(fileWith(bytes));
    expect(await fetch(server.url)).toEqual({ sizeBytes: bytes.length, resumed: true });
    expect(server.headers[0]).not.toHaveProperty('if-range');
    expect(await isWhole()).toBe(true);
  });

  it('of another file is begun anew, as If-Range makes the server say', async () => {
    await partial(randomBytes(half), '"earlier"');
    const server = await flakyServer(fileWith(bytes));
    expect(await fetch(server.url)).toEqual({ sizeBytes: bytes.length, resumed: false });
    expect(await isWhole()).toBe(true);
    expect(await readFile(`${path}.etag`, 'utf8')).toBe('"one"');
  });

  it('and is longer than the file is begun anew', async () => {
    await partial(randomBytes(bytes.length + 5), '"one"');
    const server = await flakyServer(fileWith(bytes));
    expect(await fetch(server.url)).toEqual({ sizeBytes: bytes.length, resumed: false });
    expect(await isWhole()).toBe(true);
  });

  it('stays when something else answers in place of the server', async () => {
    const others: Act[] = [
      saying('<html>Please log in</html>', 200, { 'content-type': 'text/html; charset=utf-8' }),
      saying('Please log in', 200, { 'content-type': 'text/plain' }),
      saying('', 302, { location: 'http://login.example/' }),
      saying('', 511),
      saying('', 503),
      saying(bytes, 200, { 'content-encoding': 'gzip' }),
    ];
    await partial(bytes.subarray(0, half), '"one"');
    for (const other of others) {
      expect(await codeOf(fetch((await flakyServer(other)).url))).not.toBe('no error');
    }
    const server = await flakyServer(fileWith(bytes));
    expect(await fetch(server.url)).toEqual({ sizeBytes: bytes.length, resumed: true });
    expect(ranges(server)).toEqual([`bytes=${half}-`]);
  });

  it('and is a link is refused, not written through', async () => {
    const victim = `${path}.victim`;
    await writeFile(victim, 'precious');
    await symlink(victim, path);
    const server = await flakyServer(fileWith(bytes));
    expect(await codeOf(fetch(server.url))).toBe('UNSAFE_FOLDER');
    expect(await readFile(victim, 'utf8')).toBe('precious');
  });
});

describe('an answer that is not the package', () => {
  const rows: [string, string, Act][] = [
    ['a web page', 'NOT_OUR_SERVER', saying('<html>', 200, { 'content-type': 'text/html' })],
    ['a redirect', 'NOT_OUR_SERVER', saying('', 302, { location: '/elsewhere' })],
    ['nothing at all', 'SERVER_ERROR', saying('', 204)],
    ['404', 'SERVER_ERROR', saying('', 404)],
    ['a teapot', 'SERVER_ERROR', saying('', 418)],
    ['an error with Retry-After', 'SERVER_ERROR', saying('', 503, { 'retry-after': '86400' })],
    ['a part that nobody asked for', 'SERVER_ERROR', saying(bytes, 206, { 'content-range': 'bytes 0-299999/300000' })],
    ['one that is encoded', 'SERVER_ERROR', saying(bytes, 200, { 'content-encoding': 'gzip' })],
    ['one byte more than the release file says', 'SIZE_MISMATCH', saying(Buffer.alloc(300_001))],
    ['one byte less', 'SIZE_MISMATCH', saying(Buffer.alloc(299_999))],
    ['more than that without saying so', 'SIZE_MISMATCH', unannounced(Buffer.alloc(300_001))],
    ['less than that without saying so', 'SERVER_UNREACHABLE', unannounced(Buffer.alloc(299_999))],
  ];
  it.each(rows)('such as %s is %s', async (_, code, act) => {
    const server = await flakyServer(act);
    expect(await codeOf(fetch(server.url))).toBe(code);
    expect(server.asked.length).toBeLessThanOrEqual(3);
    expect(await sizeOnDisk()).toBeLessThanOrEqual(bytes.length);
  });

  it('such as one over the limit is refused before or when it gets there', async () => {
    const limits = { sizeBytes: null, maxBytes: 200_000 };
    expect(await codeOf(fetch((await flakyServer(saying(bytes))).url, limits))).toBe('SIZE_MISMATCH');
    expect(await sizeOnDisk()).toBe(0);
    const endless = await flakyServer((_, response) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(10_000)));
      };
      response.on('drain', more);
      more();
    });
    expect(await codeOf(fetch(endless.url, limits))).toBe('SIZE_MISMATCH');
    expect(await sizeOnDisk()).toBeLessThanOrEqual(200_000);
    expect(await codeOf(fetch((await flakyServer(saying(bytes))).url, { maxBytes: 200_000 }))).toBe('SIZE_MISMATCH');
  });
});

describe('a server that is too slow', () => {
  const trickle =
    (everyMs: number): Act =>
    (_, response) => {
      response.writeHead(200, { 'content-length': bytes.length, etag: '"one"' });
      const timer = setInterval(() => response.write('x'), everyMs);
      response.on('close', () => clearInterval(timer));
      response.write('x');
    };
  const hurry = { stallWindowMs: 600, patience: { tries: 1, firstWaitMs: 1 } };

  it('is left, and what it sent is kept', async () => {
    const server = await flakyServer(trickle(20));
    expect(await codeOf(fetch(server.url, { ...hurry, minBytesPerS: 1000 }))).toBe('STALLED');
    expect(await sizeOnDisk()).toBeGreaterThan(0);
  });

  it('is not followed for ever because each try brings a byte', async () => {
    const server = await flakyServer((request, response, n) => {
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      if (from === 0) return trickle(20)(request, response, n);
      const range = { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}`, etag: '"one"' };
      response.writeHead(206, { 'content-length': bytes.length - from, ...range }).write('x');
    });
    const patience = { tries: 3, firstWaitMs: 1 };
    expect(await codeOf(fetch(server.url, { ...hurry, patience, minBytesPerS: 1000 }))).toBe('STALLED');
    expect(server.asked).toHaveLength(3);
  });

  it('is left when it is fast enough, but not done in the time that a download may take', async () => {
    const server = await flakyServer(trickle(20));
    const patience = { tries: 3, firstWaitMs: 1 };
    expect(await codeOf(fetch(server.url, { ...hurry, patience, minBytesPerS: 1, longestMs: 1 }))).toBe('STALLED');
    expect(server.asked).toHaveLength(1);
    expect(await sizeOnDisk()).toBeGreaterThan(0);
  });

  it('is left when it falls silent in the middle, even where no least speed is set', async () => {
    const server = await flakyServer(trickle(1e6));
    expect(await codeOf(fetch(server.url, hurry))).toBe('STALLED');
  });

  it('is asked again where it stopped', async () => {
    const good = fileWith(bytes);
    const server = await flakyServer((request, response, n) => {
      if (n > 0) return good(request, response, n);
      response.writeHead(200, { 'content-length': bytes.length, etag: '"one"' }).write(bytes.subarray(0, half));
    });
    const patience = { tries: 2, firstWaitMs: 1 };
    expect(await fetch(server.url, { ...hurry, patience, minBytesPerS: 1 })).toMatchObject({ resumed: true });
    expect(ranges(server)).toEqual(['whole', `bytes=${half}-`]);
    expect(await isWhole()).toBe(true);
  });
});

describe('a full disk', () => {
  it('ends the download as such and gets its space back', async (test) => {
    const disk = smallDisk(200);
    if (!disk) return test.skip();
    path = join(disk, 'package.unverified');
    const server = await flakyServer(fileWith(bytes));
    expect(await codeOf(fetch(server.url))).toBe('DISK_FULL');
    expect(await sizeOnDisk()).toBe('gone');
    await writeFile(join(disk, 'log'), Buffer.alloc(100_000));
  });

  it('is told apart from other trouble, as the kernel says it', () => {
    const full = openSync('/dev/full', 'w');
    onTestFinished(() => closeSync(full));
    try {
      writeSync(full, 'x');
    } catch (error) {
      expect(asUpdateError(error).code).toBe('DISK_FULL');
    }
    expect.assertions(1);
  });
});
