import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { latestOffer } from '../../../daemon/channel/detached.ts';
import { download } from '../../../daemon/channel/download.ts';
import { mutate } from '../mutate.ts';
import type { Random } from '../random.ts';
import { Broken, refusal, type Target } from '../target.ts';

const whole = Buffer.from(Array.from({ length: 4000 }, (_, n) => 33 + ((n * n) % 90)));
const maxBytes = 8000;
const headWords = ['\r\n', '\n', '\r', '\0', ':', ' ', '\t', 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 206 ', 'HTTP/2 ', 'content-length: 4001\r\n', 'content-length: -1\r\n', 'transfer-encoding: chunked\r\n', 'transfer-encoding: gzip\r\n', 'content-encoding: br\r\n', 'location: file:///etc/passwd\r\n', 'content-range: bytes 0-9/10\r\n', 'content-range: bytes */2000\r\n', 'etag: "x"\r\n', 'etag: W/"x"\r\n', 'content-type: text/html\r\n', 'trailer: x\r\n', 'upgrade: websocket\r\nconnection: upgrade\r\n', '0\r\n\r\n', 'ffffffffffffffff\r\n', `x: ${'y'.repeat(20_000)}\r\n`]; // biome-ignore format: one line

interface Scene {
  /** Bytes of the answer to each request, as latin1; the last one is repeated. */
  readonly answers: readonly string[];
  /** What is known of the package before: its size, and a part of it from an earlier try. */
  readonly sizeBytes: number | null;
  readonly have: number;
  readonly haveEtag: string | null;
  /** False: the server leaves the line open after it has said all. */
  readonly hangsUp: boolean;
  readonly pieces: number;
}

function answer(random: Random, body: Buffer): string {
  const from = random.oneIn(3) ? 2000 : 0;
  const piece = body.subarray(from);
  const chunked = random.oneIn(3);
  const headers = [
    `HTTP/1.${random.oneIn(8) ? 0 : 1} ${from > 0 ? 206 : random.pick([200, 200, 200, 200, 302, 404, 416, 500, 511, 204])} X`,
    ...(chunked ? ['transfer-encoding: chunked'] : random.oneIn(6) ? [] : [`content-length: ${piece.length}`]),
    ...(from > 0 ? [`content-range: bytes ${from}-${body.length - 1}/${body.length}`] : []),
    ...(random.oneIn(2) ? [`etag: ${random.pick(['"one"', '"two"', 'W/"one"', 'one', '"'])}`] : []),
    ...(random.oneIn(20) ? ['location: http://127.0.0.1:1/'] : []),
    ...(random.oneIn(20) ? ['content-encoding: gzip'] : []),
  ];
  const text = piece.toString('latin1');
  const sent = chunked ? `${(1000).toString(16)}\r\n${text.slice(0, 1000)}\r\n${(text.length - 1000).toString(16)}\r\n${text.slice(1000)}\r\n0\r\n\r\n` : text; // biome-ignore format: one line
  const head = Buffer.from(`${headers.join('\r\n')}\r\n\r\n`);
  const changedHead = random.oneIn(2) ? head : mutate(head, random, headWords);
  const changedBody = random.oneIn(2) ? Buffer.from(sent, 'latin1') : mutate(Buffer.from(sent, 'latin1'), random, headWords); // biome-ignore format: one line
  return Buffer.concat([changedHead, changedBody]).toString('latin1');
}

function make(random: Random): Buffer {
  const scene: Scene = {
    answers: Array.from({ length: 1 + random.below(3) }, () => answer(random, whole)),
    sizeBytes: random.pick([null, whole.length, whole.length, whole.length - 1]),
    have: random.pick([0, 0, 2000, whole.length, 5000]),
    haveEtag: random.pick([null, '"one"', 'junk\r\nx: y']),
    hangsUp: !random.oneIn(8),
    pieces: random.pick([1, 1, 2, 7]),
  };
  return Buffer.from(JSON.stringify(scene));
}

/** Sends an answer in pieces; what the client does meanwhile is its own affair. */
async function send(socket: Socket, text: string, { pieces, hangsUp }: Scene): Promise<void> {
  const bytes = Buffer.from(text, 'latin1');
  const size = Math.ceil(bytes.length / pieces) || 1;
  for (let at = 0; at < bytes.length && socket.writable; at += size) {
    socket.write(bytes.subarray(at, at + size));
    await new Promise((done) => setImmediate(done));
  }
  if (hangsUp) socket.end();
}

async function serve(scene: Scene): Promise<{ url: string; port: number; close(): Promise<void> }> {
  const open = new Set<Socket>();
  let asked = 0;
  const server = createServer((socket) => {
    open.add(socket.on('error', () => {}).on('close', () => open.delete(socket)));
    socket.once('data', () => {
      const text = scene.answers[Math.min(asked++, scene.answers.length - 1)]!;
      void send(socket, text, scene);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    async close() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Nothing gets onto the disk that was not sent, or there before, in one piece each. */
function mustBeSent(found: Buffer, before: Buffer, { answers }: Scene): void {
  const text = found.toString('latin1');
  const kept = before.toString('latin1');
  const rests = text.startsWith(kept) ? [text, text.slice(kept.length)] : [text];
  // What was sent in chunks is in several places; then the letters must at least be those of the package.
  if (answers.some((one) => /chunked/i.test(one))) return;
  if (!rests.some((rest) => answers.some((one) => one.includes(rest)))) throw new Broken('On the disk is what nobody sent.'); // biome-ignore format: one line
}

export const downloads: Target = {
  name: 'downloads',
  cases: 5000,
  sideBySide: 16,
  async open() {
    const folder = await mkdtemp(join(tmpdir(), 'opq-fuzz-'));
    return {
      make,
      async judge(input) {
        const scene: Scene = JSON.parse(input.toString());
        const server = await serve(scene);
        const network = { caPath: null, proxyUrl: null, userAgent: 'opq-updater/fuzz', silenceMs: 400 };
        const path = join(folder, `${server.port}-${randomBytes(4).toString('hex')}.unverified`);
        const before = Buffer.concat([whole, whole]).subarray(0, scene.have);
        try {
          if (scene.have > 0) await writeFile(path, before);
          if (scene.haveEtag) await writeFile(`${path}.etag`, scene.haveEtag);
          const { sizeBytes } = scene;
          const job = { url: `${server.url}/package`, path, sizeBytes, maxBytes, minBytesPerS: 0, longestMs: 60_000, stallWindowMs: 400, network, patience: { tries: 3, firstWaitMs: 1 } }; // biome-ignore format: one line
          const ended = await download(
            job,
            () => {},
            async () => {},
          ).catch((thrown: unknown) => refusal(thrown));
          const offered = await latestOffer({ url: server.url, versionFile: 'version.json', network }).catch((thrown: unknown) => refusal(thrown)); // biome-ignore format: one line
          if (typeof offered === 'object' && offered !== null) throw new Broken('An offer in what is none.');
          const found = await readFile(path).catch(() => Buffer.alloc(0)); // none: it was given up
          if (found.length > Math.max(maxBytes, scene.have)) throw new Broken(`${found.length} bytes on the disk.`);
          if (typeof ended === 'string') return ended;
          if (ended.sizeBytes !== found.length) throw new Broken(`${found.length} bytes, it says ${ended.sizeBytes}.`);
          if (sizeBytes !== null && found.length !== sizeBytes) throw new Broken(`${found.length} bytes are taken.`);
          mustBeSent(found, before, scene);
          return 'accepted';
        } finally {
          await server.close();
          await rm(path, { force: true });
          await rm(`${path}.etag`, { force: true });
        }
      },
      close: () => rm(folder, { recursive: true, force: true }),
    };
  },
};
