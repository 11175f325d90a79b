import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageName, signatureName } from '../../protocol/version.ts';
import { listen } from '../../server/listen.ts';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Asking {
  readonly method?: string;
  readonly headers?: Record<string, string>;
}

/** The server in this process, over a folder of its own on a port of the system's choice, with a clock to turn. */
export async function openSite() {
  const dir = await mkdtemp(join(tmpdir(), 'opq-updates-'));
  const clock = { aheadMs: 0 };
  const lines: string[] = [];
  const tools = { nowMs: () => Date.now() + clock.aheadMs, log: (line: string) => void lines.push(line) };
  const server = await listen({ port: 0, updates_dir: dir, host: '127.0.0.1' }, tools);
  return {
    dir,
    clock,
    /** What the server logged. */
    lines,
    url: server.url,
    ask: (path: string, asking?: Asking) => ask(server.url, path, asking),
    /** A signed package of any bytes: the server never looks inside. */
    async publish(version: number, bytes: string | Buffer = `package ${version}`) {
      await writeFile(join(dir, packageName(version)), bytes);
      await writeFile(join(dir, signatureName(version)), `signature ${version}`);
    },
    /** A package copied in by hand long ago, without a signature. */
    async copyIn(version: number, ageS = 3600) {
      await writeFile(join(dir, packageName(version)), `package ${version}`);
      const time = Date.now() / 1000 - ageS;
      await utimes(join(dir, packageName(version)), time, time);
    },
    async close() {
      await server.stop(0);
      await rm(dir, { recursive: true });
    },
  };
}

/** One request with exactly this path: fetch would tidy it up first. */
export function ask(url: string, path: string, { method = 'GET', headers = {} }: Asking = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { path, method, headers, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) }),
      );
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** Waits for an effect that has no event, such as a file that gets closed. */
export async function eventually<T>(
  look: () => T | Promise<T>,
  isIt: (seen: T) => boolean,
  withinMs = 20_000,
): Promise<T> {
  const endMs = Date.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (isIt(seen) || Date.now() > endMs) return seen;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
