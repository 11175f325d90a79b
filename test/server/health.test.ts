import { chmod, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatReleaseFile } from '../../protocol/release-file.ts';
import { packageName, signatureName } from '../../protocol/version.ts';
import { health } from '../../server/health.ts';
import { openSite } from './site.ts';

it('reports itself well, in the form that OPQ Health reads', async () => {
  const site = await openSite();
  await site.publish(1_550_190_683);
  const { status, headers, body } = await site.ask('/');
  expect(status).toBe(200);
  expect(headers['content-type']).toMatch(/^application\/json/);
  const { timestamp, ...report } = JSON.parse(body.toString());
  expect(Number.isInteger(timestamp)).toBe(true);
  const part = { ok: true, timestamp, subcomponents: [] };
  expect(report).toEqual({
    name: 'Box Update Server',
    ok: true,
    info: 'well',
    subcomponents: [
      { ...part, name: 'Updates Folder', info: '1 package' },
      { ...part, name: 'Newest Package', info: '1550190683' },
      { ...part, name: 'Release File', info: 'none, boxes ask for /version' },
    ],
  });
  await site.close();
});

it('says which part is not well when the folder is gone, without its path; and is well again when it is back', async () => {
  const site = await openSite();
  await rename(site.dir, `${site.dir}.away`);
  const { status, body } = await site.ask('/');
  expect(status).toBe(200);
  expect(JSON.parse(body.toString())).toMatchObject({
    ok: false,
    subcomponents: [
      { name: 'Updates Folder', ok: false, info: 'cannot be read: ENOENT' },
      { ok: false },
      { ok: false },
    ],
  });
  expect(body.toString()).not.toContain(site.dir);
  for (const path of ['/ls', '/version', '/latest', '/update/1550190683']) {
    const answer = await site.ask(path);
    expect([answer.status, answer.headers['cache-control']], path).toEqual([503, 'no-store']);
    expect(answer.body.toString()).not.toContain(site.dir);
  }
  await rename(`${site.dir}.away`, site.dir);
  expect(JSON.parse((await site.ask('/')).body.toString()).ok).toBe(true);
  await site.close();
});

it('says so when the newest package may not be read', async () => {
  const site = await openSite();
  await site.publish(1_550_190_683);
  await chmod(join(site.dir, packageName(1_550_190_683)), 0);
  await asSomebody(site.dir, async () => {
    const { ok, info } = JSON.parse((await site.ask('/')).body.toString());
    expect([ok, info]).toEqual([false, expect.stringMatching(/EACCES.* let the user of the server read updates_dir/)]);
    expect((await site.ask('/update/1550190683')).status).toBe(503);
  });
  await site.close();
});

describe('a release file that leads boxes nowhere', () => {
  const [older, newest] = [1_550_190_683, 1_550_190_999];
  const sizeBytes = 'package 1550190999'.length;
  type Site = Awaited<ReturnType<typeof openSite>>;
  /** What is done to a folder with two releases whose version.json is right, and what health has to say of it. */
  const rows: readonly [what: string, spoil: (path: string, site: Site) => Promise<unknown>, words: string][] = [
    ['cut off', (path) => writeFile(path, '{"version":'), 'is not JSON'],
    ['empty', (path) => writeFile(path, ''), 'is not JSON'],
    ['missing', (path) => rm(path), 'is missing'],
    ['a link', (path) => rm(path).then(() => symlink('other.json', path)), 'is missing'],
    ['a folder', (path) => rm(path).then(() => mkdir(path)), 'is missing'],
    ['too long', (path) => writeFile(path, ' '.repeat(100_000)), 'is longer than'],
    [
      'of no release that is there',
      (path) => writeFile(path, formatReleaseFile({ version: 1_550_191_111 })),
      'not there',
    ],
    ['of an older release', (path) => writeFile(path, formatReleaseFile({ version: older })), `is ${newest}`],
    [
      'of another size than the package',
      (path) => writeFile(path, formatReleaseFile({ version: newest, size: sizeBytes + 1 })),
      `${sizeBytes + 1} bytes, the package there has ${sizeBytes}`,
    ],
    [
      'of a package without a signature',
      async (_, { dir, copyIn }) => {
        await copyIn(newest);
        await rm(join(dir, signatureName(newest)));
      },
      'no signature',
    ],
  ];
  it.each(rows)('is told when it is %s', async (_, spoil, words) => {
    const site = await openSite();
    const look = async () => JSON.parse((await site.ask('/')).body.toString());
    for (const version of [older, newest]) await site.publish(version);
    await writeFile(join(site.dir, 'public_key.pem'), 'key');
    const path = join(site.dir, 'version.json');
    await writeFile(path, formatReleaseFile({ version: newest, size: sizeBytes }));
    expect((await look()).info).toBe('well');
    await spoil(path, site);
    const { ok, info } = await look();
    expect([ok, info]).toEqual([false, expect.stringContaining(words)]);
    expect(info).toMatch(/^Release File: /);
    await site.close();
  });

  it('is none where there never was one: packages copied in by hand', async () => {
    const site = await openSite();
    await site.copyIn(newest);
    expect(JSON.parse((await site.ask('/')).body.toString()).ok).toBe(true);
    await site.close();
  });
});

/** Root reads everything, whatever the mode says: this is done as a user that may enter the folder, and no more. */
async function asSomebody(folder: string, work: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return work();
  await chmod(folder, 0o755);
  process.seteuid?.(65_534);
  try {
    await work();
  } finally {
    process.seteuid?.(0);
  }
}

it('answers while the disk does not', async () => {
  const hung = { dir: '', list: () => new Promise<never>(() => {}) };
  const { ok, subcomponents } = await health(hung, Date.now);
  expect(ok).toBe(false);
  expect(subcomponents.map(({ info }) => info)).toEqual(Array(3).fill('cannot be read: no answer within 1000 ms'));
});
