import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { latestTarget } from '../../daemon/channel/tuf.ts';
import { network } from '../support/tuf-site.ts';
import { oldVersion } from './release/program.ts';
import { hardware, tufDesk } from './release/tuf/desk.ts';
import { openSite } from './site.ts';

/** The update server over what a desk published. */
async function served() {
  const desk = tufDesk();
  await desk.publishFirst();
  const site = await openSite();
  onTestFinished(() => site.close());
  cpSync(desk.site, site.dir, { recursive: true });
  return { desk, site };
}

const immutable = 'public, max-age=31536000, immutable';

it('hands out a whole site of The Update Framework: a box follows it from its root to the package', async () => {
  const { desk, site } = await served();
  const dir = desk.at('box');
  mkdirSync(dir);
  const found = await latestTarget({
    ...{ channel: 'tuf', url: site.url, versionFile: '', network },
    trust: { keyPems: [], hardware: null, nowS: 0 },
    tuf: { dir, factoryRoot: desk.at('desk/site/metadata/1.root.json'), hardware, nowMs: Date.now(), known: true },
  });
  expect(found?.version).toBe(oldVersion);
  const { pathname } = new URL(found!.packageUrl);
  const { status, headers, body } = await site.ask(pathname);
  expect([status, headers['cache-control'], body.length]).toEqual([200, immutable, found!.sizeBytes]);
});

it('lets be kept for ever what has its version or hash in its name, and nothing else', async () => {
  const { site } = await served();
  const kept = async (path: string) => (await site.ask(path)).headers['cache-control'];
  expect(await kept('/metadata/1.root.json')).toBe(immutable);
  expect(await kept('/metadata/timestamp.json')).toBe('no-store');
  // A root that is not there yet may be there in a minute.
  expect([await kept('/metadata/2.root.json'), (await site.ask('/metadata/2.root.json')).status]).toEqual([
    'no-store',
    404,
  ]);
});

it.each([
  '/metadata/desk.json',
  '/metadata/../desk.json',
  '/metadata/..%2fdesk.json',
  '/metadata/1.root.json/',
  '/metadata/root.json',
  '/targets/desk.json',
  '/targets/packages/../../desk.json',
  `/targets/packages/${'0'.repeat(64)}.link`,
  `/targets/box/%2e%2e/${'0'.repeat(64)}.link`,
])('has nothing at %s', async (path) => {
  const { site } = await served();
  for (const folder of ['', 'metadata', 'targets']) writeFileSync(join(site.dir, folder, 'desk.json'), 'not for you');
  symlinkSync('/etc/hostname', join(site.dir, 'targets/packages', `${'0'.repeat(64)}.link`));
  expect((await site.ask(path)).status).toBe(404);
});
