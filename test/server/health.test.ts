import { chmod, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageName } from '../../protocol/version.ts';
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
    subcomponents: [{ name: 'Updates Folder', ok: false, info: 'cannot be read: ENOENT' }, { ok: false }],
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
    expect(JSON.parse((await site.ask('/')).body.toString())).toMatchObject({ ok: false });
    expect((await site.ask('/update/1550190683')).status).toBe(503);
  });
  await site.close();
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
  expect(subcomponents.map(({ info }) => info)).toEqual(Array(2).fill('cannot be read: no answer within 1000 ms'));
});
