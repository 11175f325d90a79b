import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openAttended } from '../../../server/attended/attended.ts';
import { listen } from '../../../server/listen.ts';
import { componentBuild } from '../../../server/release/component-build.ts';
import { componentIndex } from '../../../server/release/component-index.ts';
import { componentSign } from '../../../server/release/component-sign.ts';
import { makeKey } from '../../support/packages.ts';
import { writeTree } from '../release/program.ts';

export const oldRelease = 1_550_190_683;
export const newRelease = 1_560_000_000;
export const workerProgram = fileURLToPath(new URL('../../../dist/opq-attended-worker.js', import.meta.url));
/** A worker that takes a build and never ends it. */
export const stuckWorker = fileURLToPath(new URL('stuck-worker.mjs', import.meta.url));

export interface Part {
  readonly name: string;
  readonly version: string;
  readonly release?: number;
  readonly hardware?: readonly string[];
  readonly requires?: readonly string[];
  readonly conflicts?: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
}

export const usualParts: readonly Part[] = [
  { name: 'updater', version: '1.0.0' },
  { name: 'box-config-daemon', version: '1.0', files: { 'install.sh': '#!/bin/sh\n', 'run.sh': '#!/bin/sh\n' } },
  { name: 'triggering', version: '1.9' },
  { name: 'triggering', version: '1.10', release: newRelease },
  { name: 'display', version: '2.0', requires: ['triggering'] },
  { name: 'plugin-thd', version: '0.1', conflicts: ['plugin-vrms'] },
  { name: 'plugin-vrms', version: '0.1' },
  { name: 'kernel-module', version: '5.0', hardware: ['rpi/4'] },
];

export const usualProfiles = {
  hardware: {
    'rpi/3': {
      boards: { 'opqbox-2': { model: 'OPQ Box 2' }, 'opqbox-3': { model: 'OPQ Box 3' }, generic: { model: 'Generic' } },
      renames: { opqbox2: 'opqbox-2' },
      default: ['box-config-daemon', 'triggering'],
      protected: ['updater'],
      max_bytes: 10_000_000,
    },
    // Without a protected component and without room: for the answers that need them.
    'rpi/4': { boards: { generic: { model: 'Four' } }, default: ['kernel-module'], max_bytes: 100 },
  },
};

/** Makes a store with these components, signed; `root` gets the keys beside it. */
export async function makeStore(root: string, parts: readonly Part[] = usualParts, profiles: object = usualProfiles) {
  const store = join(root, 'store');
  const nowS = Math.floor(Date.now() / 1000);
  if (!existsSync(join(root, 'key'))) await makeKey(join(root, 'key'));
  if (!existsSync(join(root, 'builder'))) await makeKey(join(root, 'builder'));
  await mkdir(store, { recursive: true });
  await writeFile(join(store, 'profiles.json'), JSON.stringify(profiles));
  for (const {
    name,
    version,
    release = oldRelease,
    hardware = ['rpi/3'],
    requires = [],
    conflicts = [],
    files,
  } of parts) {
    const source = await mkdtemp(join(tmpdir(), 'opq-component-'));
    writeTree(source, files ?? { 'file.txt': `${name} ${version}\n` });
    const args = {
      CONTENT_DIR: source,
      name,
      version,
      release: String(release),
      hardware,
      requires,
      conflicts,
      to: store,
    };
    await componentBuild.run(args as never, { nowS, program: '' });
    await rm(source, { recursive: true });
  }
  await sign(root, nowS);
  return store;
}

/** Makes the index of a store again. */
export async function sign(root: string, nowS: number, days = '30'): Promise<void> {
  const store = join(root, 'store');
  await componentIndex.run({ STORE: store, days } as never, { nowS, program: '' });
  await componentSign.run({ STORE: store, key: join(root, 'key/private_key.pem') } as never, { nowS, program: '' });
}

export const settingsIn = (root: string) => ({
  store_dir: join(root, 'store'),
  cache_dir: join(root, 'cache'),
  builder_key_path: join(root, 'builder/private_key.pem'),
  index_key_path: join(root, 'key/public_key.pem'),
});

export type Shop = Awaited<ReturnType<typeof openShop>>;

/** The update server in this process with builds on demand, real workers, and a clock to turn. */
export async function openShop(
  more: Record<string, unknown> = {},
  how: { root?: string; program?: string; parts?: readonly Part[]; port?: number; diskPauseMs?: number } = {},
) {
  const root = how.root ?? (await mkdtemp(join(tmpdir(), 'opq-shop-')));
  if (!existsSync(join(root, 'store'))) await makeStore(root, how.parts);
  await mkdir(join(root, 'updates'), { recursive: true });
  const clock = { aheadMs: 0 };
  const lines: string[] = [];
  const tools = { nowMs: () => Date.now() + clock.aheadMs, log: (line: string) => void lines.push(line) };
  const attended = await openAttended(
    { ...settingsIn(root), ...more },
    { ...tools, workerProgram: how.program ?? workerProgram, diskPauseMs: how.diskPauseMs ?? 120_000 },
  );
  const server = await listen(
    { port: how.port ?? 0, updates_dir: join(root, 'updates'), host: '127.0.0.1' },
    { ...tools, layer: attended.middleware },
  );
  return {
    root,
    clock,
    lines,
    attended,
    url: server.url,
    post: (path: string, body: unknown, headers?: Record<string, string>) =>
      say(server.url, 'POST', path, body, headers),
    get: (path: string, headers?: Record<string, string>) => say(server.url, 'GET', path, undefined, headers),
    say: (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
      say(server.url, method, path, body, headers),
    async stop() {
      await server.stop(0);
      await attended.stop();
    },
    async close() {
      await this.stop();
      await rm(root, { recursive: true });
    },
  };
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  /** The body as JSON; fails when it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: what a client sees is not typed
  readonly json: any;
}

/** One request with exactly this path, as clients of that time make it; text is sent as it is. */
export function say(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const asked = request(
      url,
      { path, method, headers: { 'Content-Type': 'text/json', ...headers }, agent: false },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const bytes = Buffer.concat(chunks);
          resolve({
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            bytes,
            get json() {
              return JSON.parse(bytes.toString());
            },
          });
        });
      },
    );
    asked.on('error', reject);
    asked.end(text);
  });
}

/** The same request as each dialect writes it. */
export const dialects = { A: { target: 'rpi', subtarget: '3' }, B: { target: 'rpi/3' } } as const;
export const four = { A: { target: 'rpi', subtarget: '4' }, B: { target: 'rpi/4' } } as const;
