import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

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

/** What real releases are made of: JavaScript, Python, programs and libraries. Shares of the whole, and where from. */
const sources: readonly { readonly share: number; readonly folder: string; readonly fits: RegExp }[] = [
  { share: 0.45, folder: 'node_modules', fits: /\.(js|mjs|cjs|json|ts|map|md)$/ },
  { share: 0.2, folder: '/usr/lib/python3', fits: /\.py$/ },
  { share: 0.15, folder: '/usr/lib/python3.11', fits: /\.py$/ },
  { share: 1, folder: '/usr/lib/x86_64-linux-gnu', fits: /\.so(\.|$)/ },
  { share: 1, folder: '/usr/bin', fits: /./ },
];

/** As little as an installation can be. */
const script = '#!/bin/sh\ncp VERSION "$OPQ_BOX_ROOT/usr/local/box-config-daemon/VERSION"\n';

/** A signed package of about so many bytes unpacked; kept for the next run. */
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
    await collect(repo, join(content, 'box-config-daemon'), megabytes * 1e6);
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
    for (const { share, folder, fits } of sources) {
      let quota = Math.min(left, bytes * share);
      const from = join(folder.startsWith('/') ? '' : repo, folder);
      const into = join(to, `${pass}`, folder.replaceAll('/', '_').toLowerCase());
      await mkdir(into, { recursive: true });
      let n = 0;
      for await (const path of filesBelow(from, fits)) {
        const { size } = await stat(path);
        if (size > quota || size === 0) continue;
        // Numbered, so that no name comes twice and none is too long.
        await cp(path, join(into, `${Math.floor(n / 200)}`, `${n++}`), { dereference: true });
        quota -= size;
        left -= size;
        if (quota < 1000) break;
      }
    }
    if (left > before - 1000) return;
  }
}

async function* filesBelow(folder: string, fits: RegExp): AsyncGenerator<string> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []); // not on this machine
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path, fits);
    else if (entry.isFile() && fits.test(entry.name)) yield path;
  }
}
