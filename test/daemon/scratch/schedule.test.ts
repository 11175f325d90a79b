import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import { packageName } from '../../../protocol/version.ts';
import { it, oldRelease } from '../../support/scratch-box.ts';
import { expectWhole } from '../../support/scratch-expectations.ts';
import { pack, type Release, release, service } from '../../support/scratch-release.ts';

const opqRelease = fileURLToPath(new URL('../../../dist/opq-release.js', import.meta.url));
const good = release(1_550_000_002);

it('takes what is offered by itself, reboots once, confirms it, and is up to date from then on', async ({
  newBox,
  publisher,
  serve,
}) => {
  const { url, updatesDir } = await serve();
  const keys = publishAsPeopleDo(good, await publisher.newFolder(), updatesDir);
  const box = await newBox({ config: { server_url: url }, keys: [join(keys, 'public_key.pem')], firstCheckS: 1 });
  const bootBefore = (await box.status()).boot_id;
  await box.until(`the service of ${oldRelease.version}`, () => box.serving() === oldRelease.version);

  await box.until('the end of the update', async () => (await box.history()).length > 0);
  await expectWhole(box, good);
  const [entry, ...more] = await box.history();
  expect(more).toEqual([]);
  expect(entry).toMatchObject({ by: 'schedule', from: oldRelease.version, to: good.version, outcome: 'confirmed' });
  expect(entry?.outage_s).toBeGreaterThan(0);
  expect((await box.status()).boot_id).not.toBe(bootBefore);
  expect(box.console().match(/\[box\] reboots/g)).toHaveLength(1);
  expect(box.names('var/opq/updater')).toEqual([]);

  await box.until('the check after the reboot', async () => (await box.status()).last_check !== null);
  const { exitCode, last } = await box.cli('check', '--install');
  expect(exitCode).toBe(0);
  expect(last).toMatchObject({ installed: good.version, news: false, begun: false });
  expect(await box.history()).toHaveLength(1);
});

/** opq-release keygen, build and publish; the folder of the keys. */
function publishAsPeopleDo({ version, files }: Release, folder: string, updatesDir: string): string {
  const content = join(folder, 'content');
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(content, name)), { recursive: true });
    writeFileSync(join(content, name), text, { mode: name.endsWith('.sh') ? 0o755 : 0o644 });
  }
  const keys = join(folder, 'keys');
  for (const args of [
    ['keygen', keys],
    ['build', content, '--out', folder, '--version', String(version)],
    ['publish', join(folder, packageName(version)), '--to', updatesDir, '--key', join(keys, 'private_key.pem')],
  ]) {
    execFileSync(process.execPath, [opqRelease, ...args]);
  }
  return keys;
}

it('needs its own files to run a box: nothing else lies beside them, nothing above them is looked for', async ({
  newBox,
  publisher,
}) => {
  const box = await newBox();
  const folder = dirname(box.program);
  const parts = ['opq-updater-cli.js', 'opq-updater-daemon.js', 'opq-updater-worker.js', 'opq-updater.js'];
  expect(readdirSync(folder).sort()).toEqual(['box', 'console', ...parts]);
  for (let above = folder; above !== '/'; above = dirname(above)) {
    expect(readdirSync(above)).not.toContain('node_modules');
  }
  const path = await publisher.stick(good);
  const { exitCode } = await box.cli('install', path, '--wait');
  expect(exitCode).toBe(0);
  await expectWhole(box, good);
});

const { version } = good;
/** What servers of before offer, and nothing else; `v` stands for the version. */
const oldServers: [string, Record<string, string>][] = [
  [
    '/version and /update/<version>',
    { '/version': `${version}\n`, '/update/v': 'package', '/update/v.sig': 'signature' },
  ],
  [
    '/ls and /update/<version>',
    {
      '/ls': `${packageName(999_999_999)}\n${packageName(version)}\n`,
      '/update/v': 'package',
      '/update/v.sig': 'signature',
    },
  ],
];
it.for(oldServers)('updates from a server that offers only %s', async ([, routes], { newBox, publisher }) => {
  const made = await pack(await publisher.newFolder(), good, publisher.key);
  const files: Record<string, Buffer> = { package: made.bytes, signature: readFileSync(made.signaturePath) };
  const asked: string[] = [];
  const server = createServer(({ url = '' }, response) => {
    asked.push(url);
    const found = routes[url.replace(String(version), 'v')];
    if (found === undefined) response.writeHead(404).end('Not Found');
    else response.end(files[found] ?? found);
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as { port: number };

  const box = await newBox({ config: { server_url: `http://127.0.0.1:${port}` } });
  const { exitCode } = await box.cli('check', '--install', '--wait');
  expect(exitCode).toBe(0);
  await expectWhole(box, good);
  expect(asked).toContain(`/update/${version}.sig`);
});

it('is stopped and started again with its services, and its services with it', async ({ newBox }) => {
  const box = await newBox();
  await box.until('the service', () => box.serving());
  await box.shutdown();
  expect(box.serving()).toBeUndefined();
  await box.boot();
  await box.until('the service', () => box.serving());
  expect(await box.daemon.ask('log', { lines: 50 })).not.toContainEqual(expect.objectContaining({ level: 'error' }));
  expect(box.has(`etc/systemd/system/${service}`)).toBe(true);
});
