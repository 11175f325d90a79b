import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { boxTarget } from '../../../protocol/tuf.ts';
import { hardware } from '../../server/release/tuf/desk.ts';
import { saying } from '../../support/flaky-server.ts';
import { runCli } from '../../support/run-cli.ts';
import { forge, forgeUpwards, tufSite } from '../../support/tuf-site.ts';

const target = boxTarget(hardware);

/** A client with its two folders, as the conformance suite calls it: options first, the command last. */
async function tufClient() {
  const site = await tufSite();
  const [metadata, targets] = [site.desk.at('client/metadata'), site.desk.at('client/targets')];
  for (const folder of [metadata, targets]) mkdirSync(folder, { recursive: true });
  const where = ['--metadata-url', `${site.server.url}/metadata/`, '--metadata-dir', metadata];
  const run = async (...args: string[]) => (await runCli(['tuf-client', ...args])).exitCode;
  return {
    ...site,
    run,
    init: (root = site.box.tuf.factoryRoot) => run('--metadata-dir', metadata, 'init', root),
    refresh: () => run(...where, 'refresh'),
    download: (name: string, base = `${site.server.url}/targets`) =>
      run(...where, '--target-name', name, '--target-dir', targets, '--target-base-url', base, 'download'),
    /** The trusted roles and their versions. */
    trusted: () =>
      Object.fromEntries(
        readdirSync(metadata)
          .sort()
          .map((name) => [name, JSON.parse(readFileSync(join(metadata, name), 'utf8')).signed.version]),
      ),
    downloaded: () => readdirSync(targets).map((name) => readFileSync(join(targets, name), 'utf8')),
    published: () => {
      const { hashes } = site.desk.signed('1.targets.json').targets[target];
      return join(site.desk.site, 'targets/box/rpi', `${hashes.sha256}.3.json`);
    },
  };
}

const first = { 'root.json': 1, 'snapshot.json': 1, 'targets.json': 1, 'timestamp.json': 1 };

describe('opq-updater tuf-client', () => {
  it('asks nobody at init, then fetches what is trusted in the order of the roles', async () => {
    const client = await tufClient();
    expect([await client.init(), client.server.asked]).toEqual([0, []]);
    expect([await client.refresh(), client.trusted()]).toEqual([0, first]);
    expect(client.server.asked.map((line) => line.replace('GET /metadata/', ''))).toEqual([
      '2.root.json',
      'timestamp.json',
      '1.snapshot.json',
      '1.targets.json',
    ]);
    expect(client.downloaded()).toEqual([]);
  });

  it('downloads a target in a folder once, and again only when it is no longer what the targets say', async () => {
    const client = await tufClient();
    await client.init();
    const content = readFileSync(client.published(), 'utf8');
    expect([await client.download(target), client.downloaded()]).toEqual([0, [content]]);
    writeFileSync(client.published(), 'what a thief would like');
    expect([await client.download(target), client.downloaded()]).toEqual([0, [content]]);
    rmSync(client.desk.at('client/targets', encodeURIComponent(target)));
    expect([await client.download(target), client.downloaded()]).toEqual([1, []]);
  });

  it('fails for a target that there is not, with the metadata of today', async () => {
    const client = await tufClient();
    await client.init();
    expect([await client.download('nothing'), client.trusted()]).toEqual([1, first]);
  });

  it.each(['roles/of others', '../role', '?'])('follows targets that trust the role "%s"', async (role) => {
    const client = await tufClient();
    const { desk } = client;
    await client.init();
    const name = encodeURIComponent(role);
    let handed: Record<string, unknown> = {};
    // All targets move to the other role, which the key of the targets signs as well.
    await forge(
      desk,
      '1.targets.json',
      (signed) => {
        handed = { ...signed.targets };
        signed.version = 2;
        signed.targets = {};
        const [keyid, key] = Object.entries(desk.signed('1.root.json').keys).find(
          ([id]) => id === desk.signed('1.root.json').roles.targets.keyids[0],
        )!;
        const roles = [{ name: role, keyids: [keyid], threshold: 1, terminating: false, paths: ['*/*/*'] }];
        signed.delegations = { keys: { [keyid]: key }, roles };
      },
      ['targets'],
      '2.targets.json',
    );
    await forge(
      desk,
      '1.targets.json',
      (signed) => {
        signed.targets = handed;
      },
      ['targets'],
      'other.json',
    );
    // Its name is one segment of the address, and so of the file.
    client.lies.set(`metadata/1.${role}.json`, saying(readFileSync(join(desk.site, 'metadata/other.json'))));
    await forgeUpwards(desk, { timestamp: 2, snapshot: 2, targets: 2 }, { [`${role}.json`]: { version: 1 } });
    expect(await client.download(target)).toBe(0);
    expect(client.server.asked).toContain(`GET /metadata/1.${name}.json`);
    expect(client.downloaded()).toEqual([readFileSync(client.published(), 'utf8')]);
    expect(client.trusted()).toMatchObject({ [`${name}.json`]: 1, 'targets.json': 2 });
  });

  it.each<[string, (signed: { version?: number }) => void, string[]]>([
    ['without a version', (signed) => void delete signed.version, ['root-1', 'root-2']],
    ['by too few of its keys', () => {}, ['root-1']],
  ])('begins with no root %s', async (_, change, by) => {
    const client = await tufClient();
    const { desk, server } = client;
    const bad = join(desk.site, 'metadata/bad.json');
    await forge(desk, '1.root.json', change, by, 'bad.json').catch(() => writeFileSync(bad, '{"signed":{}}'));
    expect(await client.init(bad)).toBe(1);
    expect([await client.refresh(), server.asked]).toEqual([1, []]);
  });

  it('ends with 1 when the server has nothing, or when it is not called as it should be', async () => {
    const client = await tufClient();
    await client.init();
    client.lies.set('metadata/timestamp.json', saying('', 503));
    expect(await client.refresh()).toBe(1);
    for (const args of [[], ['refresh'], ['--metadata-dir', 'x', 'init'], ['--what', 'refresh'], ['upload']]) {
      expect(await client.run(...args), args.join(' ')).toBe(1);
    }
    expect(client.trusted()).toEqual({ 'root.json': 1 });
  });
});
