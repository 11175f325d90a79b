import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageFolder, packageName } from '../../protocol/version.ts';
import { makeStore, oldRelease, openShop, type Part, type Shop } from '../server/attended/shop.ts';
import { type KeyFiles, makePackage } from './packages.ts';
import { until } from './until.ts';

export const shopRelease = oldRelease;

/** A component that lays a file into the folder of the release, and can be told on the box by it. */
export const part = (name: string, version: string, more: Partial<Part> = {}): Part => ({
  name,
  version,
  ...more,
  files: {
    'install.sh': `#!/bin/sh\nset -e\ncp about.txt "$OPQ_BOX_ROOT/usr/local/box-config-daemon/${name}"\n`,
    'remove.sh': `rm "$OPQ_BOX_ROOT/usr/local/box-config-daemon/${name}"\n`,
    'about.txt': `${name} ${version}\n`,
    ...more.files,
  },
});

export const parts: readonly Part[] = [
  part('box-config-daemon', '2.0'),
  part('triggering', '1.9'),
  part('plugin-thd', '0.1', { conflicts: ['plugin-vrms'] }),
  part('plugin-vrms', '0.1'),
  part('display', '2.0', { requires: ['triggering'] }),
];

const profiles = {
  hardware: {
    'rpi/3': {
      boards: { generic: { model: 'OPQ Box' } },
      default: ['box-config-daemon', 'triggering'],
      protected: ['box-config-daemon'],
      max_bytes: 10_000_000,
    },
  },
};

export type ComponentShop = Shop & { readonly keys: { readonly release: KeyFiles; readonly builder: KeyFiles } };

/** A server of builds on demand with these components, and the keys that it and its publisher have. */
export async function openComponentShop(
  stock: readonly Part[] = parts,
  settings = {},
  how: { root?: string; port?: number; program?: string } = {},
): Promise<ComponentShop> {
  const root = how.root ?? (await mkdtemp(join(tmpdir(), 'opq-shop-')));
  if (how.root === undefined) await makeStore(root, stock, profiles);
  const keyIn = (name: string): KeyFiles => ({
    privatePath: join(root, name, 'private_key.pem'),
    publicPath: join(root, name, 'public_key.pem'),
  });
  const shop = await openShop(settings, { ...how, root });
  return Object.assign(shop, { keys: { release: keyIn('key'), builder: keyIn('builder') } });
}

/** What a box asks for that shall have these components. */
export const buildRequest = (packages: readonly string[]) => ({
  distro: 'opq',
  version: String(shopRelease),
  target: 'rpi/3',
  model: '',
  packages: [...packages].sort(),
});

/** The image that a box would get that asks for these, once it is built: its folder on the server. */
export async function builtImage(shop: Shop, packages: readonly string[]): Promise<string> {
  const hash = await until('the build', async () => {
    const { status, json } = await shop.post('/api/upgrade-request', buildRequest(packages));
    return status === 200 && json.image_hash;
  });
  return join(shop.root, 'cache/images', hash);
}

/**
 * Puts another image in the place of one that was built, as who has a builder's key could, and the server with it.
 * @param change of its files, by name below the top folder
 */
export async function forgeImage(
  folder: string,
  key: KeyFiles,
  change: (files: Record<string, string>) => Record<string, string>,
): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'opq-forged-'));
  execFileSync('tar', ['-xjf', join(folder, packageName(shopRelease)), '-C', work]);
  const files = textsBelow(join(work, packageFolder(shopRelease)));
  await mkdir(folder, { recursive: true });
  await makePackage(folder, { version: shopRelease, files: change(files), key });
}

export function alterByte(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(path, bytes);
}

function textsBelow(folder: string): Record<string, string> {
  if (!existsSync(folder)) return {};
  const names = (readdirSync(folder, { recursive: true }) as string[]).filter((name) =>
    statSync(join(folder, name)).isFile(),
  );
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), 'latin1')]));
}
