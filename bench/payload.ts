import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';

export interface Payload {
  /** Folder of the package, its signature and the release file: what a server serves. */
  readonly folder: string;
  readonly version: number;
  readonly file: string;
  readonly packedBytes: number;
  readonly treeBytes: number;
  /** The tree that is in it. */
  readonly tree: string;
  readonly publicKey: string;
  readonly privateKey: string;
}

/**
 * What real releases are made of: JavaScript, Python, programs and libraries, and pages that are packed already. Shares
 * of the whole, and where from; together they pack to about a third.
 */
const sources: readonly { readonly share: number; readonly folder: string; readonly fits: RegExp; gzip?: true }[] = [
  { share: 0.06, folder: 'node_modules', fits: /\.(js|mjs|cjs|ts|json|md)$/, gzip: true },
  { share: 0.35, folder: 'node_modules', fits: /\.(js|mjs|cjs|json|ts|map|md)$/ },
  { share: 0.2, folder: '/usr/lib', fits: /\/python3.*\.py$/ },
  { share: 0.25, folder: '/usr/lib', fits: /\.so(\.|$)/ },
  { share: 1, folder: '/usr/bin', fits: /./ },
];

/** A tree is this one, of so many megabytes, as often as it takes: a large release is like a small one. */
const unitMb = 17;

/** Bytes: what npm brings has thousands of files that say next to nothing, and releases are bundled. */
const smallest = 16_000;

/** As little as an installation can be. */
const script = '#!/bin/sh\ncp VERSION "$OPQ_BOX_ROOT/usr/local/box-config-daemon/VERSION"\n';

/** A signed package of about so many megabytes unpacked, a multiple of 17; kept for the next run. */
export async function payloadOf(repo: string, cache: string, megabytes: number): Promise<Payload> {
  const folder = join(cache, `payload-${megabytes}`);
  const version = 1_700_000_000 + megabytes;
  const keys = join(cache, 'keys');
  const release = (...args: string[]) =>
    execFileSync('node', [join(repo, 'dist/opq-release.js'), ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (!existsSync(join(keys, 'private_key.pem'))) release('keygen', keys);
  if (!existsSync(folder)) {
    const making = `${folder}.making`;
    await rm(making, { recursive: true, force: true });
    const content = join(making, 'content');
    const unit = join(making, 'unit');
    await collect(repo, unit, unitMb * 1e6);
    for (let n = 0; n < megabytes / unitMb; n++) {
      await cp(unit, join(content, 'box-config-daemon', `${n}`), { recursive: true });
    }
    await rm(unit, { recursive: true });
    await writeFile(join(content, 'install_update.sh'), script);
    await mkdir(join(making, 'packages'));
    await mkdir(join(making, 'served'));
    release('build', content, '--out', join(making, 'packages'), '--version', `${version}`);
    const built = join(making, 'packages', `opq-box-update-${version}.tar.bz2`);
    release('publish', built, '--to', join(making, 'served'), '--key', join(keys, 'private_key.pem'));
    await rename(making, folder);
  }
  const served = join(folder, 'served');
  const file = join(served, `opq-box-update-${version}.tar.bz2`);
  const tree = join(folder, 'content');
  const treeBytes = Number(execFileSync('du', ['-sb', tree], { encoding: 'utf8' }).split('\t')[0]);
  const { size: packedBytes } = await stat(file);
  const [publicKey, privateKey] = ['public_key.pem', 'private_key.pem'].map((name) => join(keys, name));
  return {
    folder: served,
    version,
    file,
    packedBytes,
    treeBytes,
    tree,
    publicKey: publicKey!,
    privateKey: privateKey!,
  };
}

/** Copies files until there are so many bytes; more than the machine has is begun again under another name. */
async function collect(repo: string, to: string, bytes: number): Promise<void> {
  let left = bytes;
  for (let pass = 0; left > 0; pass++) {
    const before = left;
    for (const [place, { share, folder, fits, gzip }] of sources.entries()) {
      let quota = Math.min(left, bytes * share);
      const into = join(to, `${pass}-${place}`);
      let n = 0;
      for (const path of await filesBelow(join(folder.startsWith('/') ? '' : repo, folder), fits)) {
        const { size } = await stat(path);
        if (size > quota || size < smallest) continue;
        const content = await readFile(path);
        const written = gzip ? gzipSync(content) : content;
        // Numbered, so that no name comes twice and none is too long.
        const folderOf200 = join(into, `${Math.floor(n / 200)}`);
        await mkdir(folderOf200, { recursive: true });
        await writeFile(join(folderOf200, `${n++}`), written);
        quota -= written.length;
        left -= written.length;
        if (quota < 1000) break;
      }
    }
    if (left > before - 1000) return;
  }
}

/** In an order that mixes small and large ones of everything, the same each time. */
async function filesBelow(folder: string, fits: RegExp): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []); // not on this machine
  const paths = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const turn = (path: string) => createHash('sha256').update(relative(folder, path)).digest('hex');
  const turns = new Map(paths.filter((path) => fits.test(path)).map((path) => [turn(path), path]));
  return [...turns.keys()].sort().map((key) => turns.get(key)!);
}
