import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { formatReleaseFile } from '../../protocol/release-file.ts';
import { packageFolder, packageName, signatureName } from '../../protocol/version.ts';
import { type KeyFiles, makeKey, makePackage, type PackageFiles } from '../support/packages.ts';
import { openSite } from './site.ts';

// Real wget, tar, bzip2, sh and openssl, as they are on the boxes in the field.
const run = promisify(execFile);

const old = 1_550_190_683;
const fresh = 1_550_190_999;
const script = '#!/bin/sh\nset -e\ncp VERSION ../installed\ncat box-configuration-daemon/main.sh >> ../installed\n';

let site: Awaited<ReturnType<typeof openSite>>;
let keys: KeyFiles;
let newest: PackageFiles;
let box: string;
beforeAll(async () => {
  site = await openSite();
  keys = await makeKey(`${site.dir}.keys`);
  for (const version of [fresh, old]) {
    const files = { 'install_update.sh': script, 'box-configuration-daemon/main.sh': `daemon of ${version}\n` };
    const made = await makePackage(site.dir, { version, files, key: keys });
    if (version === fresh) newest = made;
  }
});
afterAll(async () => {
  await site.close();
  await rm(`${site.dir}.keys`, { recursive: true });
});
beforeEach(async () => {
  box = await mkdtemp(join(tmpdir(), 'opq-old-box-'));
  return () => rm(box, { recursive: true });
});

/** Runs a command in the box's folder; no proxy of this machine comes between box and server. */
const inBox = (program: string, ...args: string[]) => run(program, args, { cwd: box, env: { PATH: process.env.PATH } });

describe('an old box with wget', () => {
  const update = 'cd opq-box-update-* && ./install_update.sh';
  it.each([
    ['latest', 'wget -q "$1/latest" && tar xf latest'],
    ['latest under its own name', `wget -q --content-disposition "$1/latest" && tar xf ${packageName(fresh)}`],
    [
      'latest under the name it was sent to',
      `wget -q --trust-server-names "$1/latest" && tar xf ${packageName(fresh)}`,
    ],
    ['the package by name', `wget -q "$1/update/${packageName(fresh)}" && tar xf ${packageName(fresh)}`],
    [
      'what the version says',
      'wget -q -O p "$1/update/opq-box-update-$(wget -q -O - "$1/version").tar.bz2" && tar xf p',
    ],
    ['what the list ends with', 'wget -q -O p "$1/update/$(wget -q -O - "$1/ls" | tail -n 1)" && tar xf p'],
  ])('fetches %s, unpacks and installs it', async (_, fetching) => {
    await inBox('sh', '-ec', `${fetching} && ${update}`, 'sh', site.url);
    expect(await readFile(join(box, 'installed'), 'utf8')).toBe(`${fresh}\ndaemon of ${fresh}\n`);
  });

  it('goes on with a download that was cut', async () => {
    const name = packageName(fresh);
    await writeFile(join(box, name), newest.bytes);
    await truncate(join(box, name), 100);
    const { stderr } = await inBox('wget', '--continue', `${site.url}/update/${name}`);
    expect(stderr).toContain('206 Partial Content');
    expect(await readFile(join(box, name))).toEqual(newest.bytes);
  });

  it('learns by its exit code that there is nothing', async () => {
    await expect(inBox('wget', '-q', `${site.url}/update/${packageName(123_456_789)}`)).rejects.toMatchObject({
      code: 8,
    });
    expect(await readdir(box)).toEqual([]);
  });
});

describe.each(['ec', 'rsa'] as const)('the Python updater of 2018 with a key of kind %s', (kind) => {
  let dir: string;
  beforeAll(async () => {
    await mkdir(`${site.dir}.${kind}`);
    const key = await makeKey(`${site.dir}.${kind}`, kind);
    await makePackage(site.dir, { version: fresh, files: { 'install_update.sh': script }, key });
    await writeFile(join(site.dir, 'public_key.pem'), await readFile(key.publicPath));
    const names = { package: packageName(fresh), signature: signatureName(fresh), public_key: 'public_key.pem' };
    await writeFile(join(site.dir, 'version.json'), formatReleaseFile({ version: fresh, ...names }));
    return () => rm(`${site.dir}.${kind}`, { recursive: true });
  });
  beforeEach(() => {
    dir = `${box}/`; // download_dir_path: it puts names together without a slash of its own
  });

  it('finds a newer release, fetches three bare names and gets "Verified OK"', async () => {
    await fetchBareName('version.json');
    const release: unknown = JSON.parse(await readFile(`${dir}version.json`, 'utf8'));
    const { version, ...names } = release as {
      version: unknown;
      public_key: string;
      package: string;
      signature: string;
    };
    // It compares with < in Python: text against a number would end it.
    expect(typeof version).toBe('number');
    expect(old < (version as number)).toBe(true);

    for (const name of [names.public_key, names.package, names.signature]) await fetchBareName(name);
    const signature = `${dir}${names.signature}`;
    await inBox('openssl', 'base64', '-d', '-in', signature, '-out', `${signature}.bin`);
    const check = ['-verify', `${dir}${names.public_key}`, '-signature', `${signature}.bin`, `${dir}${names.package}`];
    expect((await inBox('openssl', 'dgst', '-sha256', ...check)).stdout).toContain('Verified OK');

    await inBox('tar', 'xf', `${dir}${names.package}`);
    expect(await readFile(join(box, packageFolder(fresh), 'VERSION'), 'utf8')).toBe(`${fresh}\n`);
  });

  /** url = server_url + file_name, and server_url ends with a slash. */
  const fetchBareName = (name: string) => inBox('wget', '-q', '-O', `${dir}${name}`, `${site.url}/${name}`);
});
