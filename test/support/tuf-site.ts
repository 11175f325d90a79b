import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Metadata } from '@tufjs/models';
import { latestTarget, type TufTrust } from '../../daemon/channel/tuf.ts';
import { readPrivateKey } from '../../server/release/key-files.ts';
import { signerOf } from '../../server/release/tuf/keys.ts';
import { tempFolder } from '../server/release/program.ts';
import { hardware, type TufDesk, tufDesk } from '../server/release/tuf/desk.ts';
import { type Act, flakyServer } from './flaky-server.ts';

export const network = { caPath: null, proxyUrl: null, userAgent: 'opq-updater/test', silenceMs: 5_000 };

/** A desk with a first release, made once: each test has a copy of it. */
let first: Promise<string> | undefined;

async function publishOnce(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'opq-tuf-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  await tufDesk(folder).publishFirst();
  return folder;
}

/** A published site, a server for it that may lie, and a box that pins its first root. */
export async function tufSite() {
  first ??= publishOnce();
  const folder = tempFolder();
  cpSync(await first, folder, { recursive: true });
  const desk = tufDesk(folder);
  const lies = new Map<string, Act>();
  const server = await flakyServer((request, response, n) => {
    const path = decodeURIComponent(request.url!.slice(1));
    const lie =
      lies.get(path) ?? [...lies].find(([key]) => key.endsWith('*') && path.startsWith(key.slice(0, -1)))?.[1];
    if (lie) return lie(request, response, n);
    const file = join(desk.site, path);
    if (!existsSync(file)) response.writeHead(404).end();
    else response.end(readFileSync(file));
  });
  const factoryRoot = desk.at('box/root.json');
  mkdirSync(dirname(factoryRoot));
  copyFileSync(join(desk.site, 'metadata/1.root.json'), factoryRoot);
  const newBox = (name: string, given: Partial<TufTrust> = {}) => {
    const tuf = {
      dir: desk.at('box', name),
      factoryRoot,
      hardware,
      nowMs: desk.clock.nowS * 1000,
      known: true,
      ...given,
    };
    mkdirSync(tuf.dir, { recursive: true });
    return {
      tuf,
      file: (...parts: string[]) => join(tuf.dir, ...parts),
      check: (now: Partial<TufTrust> = {}) =>
        latestTarget({
          channel: 'tuf',
          url: server.url,
          versionFile: '',
          network,
          trust: { keyPems: [], hardware: null, nowS: 0 },
          tuf: { ...tuf, nowMs: desk.clock.nowS * 1000, ...now },
        }),
    };
  };
  return { desk, server, lies, newBox, box: newBox('first') };
}

export type TufSite = Awaited<ReturnType<typeof tufSite>>;
type Role = 'root' | 'targets' | 'snapshot' | 'timestamp';
// biome-ignore lint/suspicious/noExplicitAny: a forger writes what he likes
type Said = any;

/** Changes what is published and signs it with these keys, as a thief does who has them; no key = unsigned. */
export async function forge(
  desk: TufDesk,
  name: string,
  change: (signed: Said) => void,
  by: readonly string[],
  as = name,
): Promise<void> {
  const { signed } = JSON.parse(readFileSync(join(desk.site, 'metadata', name), 'utf8'));
  change(signed);
  const metadata = Metadata.fromJSON(signed._type as never, { signed, signatures: [] });
  for (const key of by) metadata.sign(signerOf(await readPrivateKey(desk.privateKey(key))));
  writeFileSync(join(desk.site, 'metadata', as), JSON.stringify(metadata.toJSON()));
}

/** Everything that leads to forged targets, by whoever has the online key as well. */
export async function forgeUpwards(
  desk: TufDesk,
  versions: Record<Exclude<Role, 'root'>, number>,
  others: Said = {},
): Promise<void> {
  const bare = (version: number) => ({ version });
  const [snapshot] = desk.metadata().filter((name) => name.endsWith('.snapshot.json'));
  const change = (signed: Said) => {
    signed.version = versions.snapshot;
    signed.meta = { 'targets.json': bare(versions.targets), ...others };
  };
  await forge(desk, snapshot!, change, ['online'], `${versions.snapshot}.snapshot.json`);
  await forge(
    desk,
    'timestamp.json',
    (signed) => {
      signed.version = versions.timestamp;
      signed.meta = { 'snapshot.json': bare(versions.snapshot) };
    },
    ['online'],
  );
}
