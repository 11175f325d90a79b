import { mkdir, rename, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { packageName, signatureName } from '../../protocol/version.ts';
import { settledAfterMs } from '../../server/updates-folder.ts';
import { openSite } from './site.ts';

let site: Awaited<ReturnType<typeof openSite>>;
beforeEach(async () => {
  site = await openSite();
});
afterEach(() => site.close());

const old = 1_550_190_683;
const fresh = 1_550_190_999;
const names = async () => (await site.ask('/ls')).body.toString().split('\n').filter(Boolean);

it('shows a package that is copied in by hand once it has not changed for ten seconds', async () => {
  await site.publish(old);
  await writeFile(join(site.dir, packageName(fresh)), 'half a pack');
  expect(await names()).toEqual([packageName(old)]);
  expect((await site.ask('/version')).body.toString()).toBe(String(old));
  expect((await site.ask('/latest')).headers.location).toContain(String(old));
  expect((await site.ask(`/update/${fresh}`)).status).toBe(404);

  site.clock.aheadMs = settledAfterMs + 1_000;
  expect(await names()).toEqual([packageName(old), packageName(fresh)]);
  expect((await site.ask(`/update/${fresh}`)).body.toString()).toBe('half a pack');
});

it('hides a package without a signature again while it is written over', async () => {
  await site.copyIn(old);
  expect(await names()).toEqual([packageName(old)]);
  await truncate(join(site.dir, packageName(old)), 3);
  expect(await names()).toEqual([]);
});

it('shows a package as soon as its signature is beside it', async () => {
  await writeFile(join(site.dir, packageName(old)), 'package');
  expect(await names()).toEqual([]);
  await writeFile(join(site.dir, signatureName(old)), 'signature');
  expect(await names()).toEqual([packageName(old)]);
});

it('takes a time in the future for a copied one', async () => {
  await site.copyIn(old, -86_400);
  expect(await names()).toEqual([packageName(old)]);
});

it('sees every change with the next request, however quickly they follow each other', async () => {
  for (let version = old; version < old + 40; version++) {
    await site.publish(version);
    expect((await site.ask('/version')).body.toString()).toBe(String(version));
  }
  for (let version = old + 39; version > old; version--) {
    await rm(join(site.dir, packageName(version)));
    expect((await site.ask('/version')).body.toString()).toBe(String(version - 1));
  }
});

it('sees changes also after the folder has been quiet for a while and its content is kept', async () => {
  await site.publish(old);
  await utimes(site.dir, 1_600_000_000, 1_600_000_000);
  expect(await names()).toEqual([packageName(old)]);
  expect(await names()).toEqual([packageName(old)]);
  await site.publish(fresh);
  expect(await names()).toEqual([packageName(old), packageName(fresh)]);
});

it('follows the folder when another takes its place', async () => {
  await site.publish(old);
  expect(await names()).toHaveLength(1);
  await rename(site.dir, `${site.dir}.away`);
  await mkdir(site.dir);
  expect(await names()).toEqual([]);
  await rm(`${site.dir}.away`, { recursive: true });
});

it.each([
  `.${packageName(old)}`,
  `${packageName(old)}.unverified`,
  `${packageName(old)}.tmp`,
  `${packageName(old)}.part`,
  `x${packageName(old)}`,
  packageName(old).toUpperCase(),
  'opq-box-update-.tar.bz2',
  'opq-box-update-12345678.tar.bz2',
  'opq-box-update-0123456789.tar.bz2',
  'opq-box-update-1550190683x.tar.bz2',
  'opq-box-update-1550190683.tar.gz',
  'opq-box-update-1550190683.tar.bz2\n',
  'private_key.pem',
])('neither names nor hands out %j', async (name) => {
  await writeFile(join(site.dir, name), 'secret');
  site.clock.aheadMs = 2 * settledAfterMs;
  expect(await names()).toEqual([]);
  for (const path of [`/${encodeURIComponent(name)}`, `/update/${encodeURIComponent(name)}`]) {
    expect((await site.ask(path)).status, path).toBe(404);
  }
});

it('follows no link and takes no folder for a file', async () => {
  await writeFile(`${site.dir}.secret`, 'secret');
  await symlink(`${site.dir}.secret`, join(site.dir, packageName(old)));
  await symlink(`${site.dir}.secret`, join(site.dir, signatureName(old)));
  await symlink(`${site.dir}.secret`, join(site.dir, 'version.json'));
  await mkdir(join(site.dir, 'public_key.pem'));
  await mkdir(join(site.dir, packageName(fresh)));
  site.clock.aheadMs = 2 * settledAfterMs;
  expect(await names()).toEqual([]);
  for (const path of ['/version.json', '/public_key.pem', `/update/${old}`, `/update/${old}.sig`, `/update/${fresh}`]) {
    expect((await site.ask(path)).status, path).toBe(404);
  }
  await rm(`${site.dir}.secret`);
});

it('does not follow a signature that is a link beside a listed package', async () => {
  await site.copyIn(old);
  await writeFile(`${site.dir}.secret`, 'secret');
  await symlink(`${site.dir}.secret`, join(site.dir, signatureName(old)));
  expect((await site.ask(`/update/${old}`)).status).toBe(200);
  expect((await site.ask(`/update/${old}.sig`)).status).toBe(404);
  await rm(`${site.dir}.secret`);
});
