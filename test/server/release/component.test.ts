import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { verifyIndex } from '../../../protocol/component-index.ts';
import { parsePublicKey } from '../../../protocol/keys.ts';
import { componentBuild } from '../../../server/release/component-build.ts';
import { release, releaseJson, tempFolder, writeTree } from './program.ts';

const content = { 'install.sh': '#!/bin/sh\n', 'etc/config': 'on\n' };

function workshop() {
  const root = tempFolder();
  const store = join(root, 'store');
  const source = writeTree(join(root, 'source'), content);
  const keys = releaseJson(['keygen', join(root, 'keys')]);
  const args = (name: string, version: string, more: readonly string[] = []) => [
    ...['component', 'build', source, '--name', name, '--version', version, '--release', '1550190683', '--to', store],
    ...(more.includes('--hardware') ? more : ['--hardware', 'rpi/3', ...more]),
  ];
  return { root, store, source, keys, args };
}

describe('opq-release component', () => {
  it('builds, lists and signs what a box then trusts', () => {
    const { store, keys, args } = workshop();
    const built = releaseJson(args('triggering', '1.4.2', ['--requires', 'updater']));
    releaseJson(args('display', '2.0'));
    const { components } = releaseJson(['component', 'index', store, '--days', '30']);
    expect(components).toBe(2);
    releaseJson(['component', 'sign', store, '--key', keys.private_key]);

    const pinned = parsePublicKey(readFileSync(keys.public_key, 'utf8'));
    const bytes = readFileSync(join(store, 'index.json'));
    const index = verifyIndex(bytes, readFileSync(join(store, 'index.json.sig'), 'utf8'), [pinned], Date.now() / 1000);
    expect(index.components[1]).toMatchObject({ name: 'triggering', sha256: built.sha256, requires: ['updater'] });
    expect(existsSync(join(store, 'index.draft.json'))).toBe(false);
  });

  it('gives the same digest whoever builds, and another for another content', () => {
    const [one, two] = [workshop(), workshop()];
    const digest = ({ args }: typeof one, version: string) => releaseJson(args('display', version)).sha256;
    expect(digest(one, '1')).toBe(digest(two, '1'));
    writeTree(two.source, { 'etc/config': 'off\n' });
    expect(digest(two, '2')).not.toBe(digest(one, '2'));
  });

  it('takes the same component again, and refuses other words for it', () => {
    const { store, args } = workshop();
    releaseJson(args('display', '1'));
    expect(release(args('display', '1')).exit).toBe(0);
    expect(release(args('display', '1', ['--requires', 'updater'])).code).toBe('USAGE');
    expect(readdirSync(join(store, 'components'))).toHaveLength(1);
  });

  it.each<[string, (content: string) => void]>([
    ['cut short', (folder) => truncateSync(join(folder, 'etc/config'), 0)],
    ['gone', (folder) => rmSync(join(folder, 'etc'), { recursive: true })],
  ])('puts a component right of which a file is %s, and says so', (_, damage) => {
    const { store, args } = workshop();
    const { component, mended } = releaseJson(args('display', '1'));
    damage(join(component, 'content'));
    const again = releaseJson(args('display', '1'));
    expect([mended, again.mended]).toEqual([false, true]);
    expect(readFileSync(join(component, 'content/etc/config'), 'utf8')).toBe('on\n');
    expect(readdirSync(join(store, 'components'))).toHaveLength(1);
    expect(releaseJson(args('display', '1')).mended).toBe(false);
  });

  it('has every file and folder of a component on the disk before it has its name', async () => {
    const { store, source } = workshop();
    const file = await open(source);
    const synced: string[] = [];
    const spy = vi.spyOn(Object.getPrototypeOf(file) as FileHandle, 'sync');
    spy.mockImplementation(async function (this: FileHandle) {
      synced.push(readlinkSync(`/proc/self/fd/${this.fd}`).replace(/\/\.[0-9a-f]{12}/, '/NEW'));
    });
    onTestFinished(() => spy.mockRestore());
    await file.close();
    const given = { name: 'display', version: '1', release: '1550190683', hardware: ['rpi/3'] };
    const lists = { requires: [], conflicts: [] };
    await componentBuild.run({ CONTENT_DIR: source, to: store, ...given, ...lists } as never, { nowS: 0, program: '' });
    const fresh = ['', '/content', '/content/etc', '/content/etc/config', '/content/install.sh', '/component.json'];
    expect(synced).toEqual(expect.arrayContaining(fresh.map((name) => join(store, `components/NEW${name}`))));
    expect(synced.at(-1)).toBe(join(store, 'components'));
  });

  it.each([
    ['a name for a shell', ['a;reboot', '1'], 'USAGE'],
    ['a name that leaves its folder', ['../a', '1'], 'USAGE'],
    ['a version that leaves its folder', ['display', '../1'], 'USAGE'],
    ['hardware without its second part', ['display', '1', ['--hardware', 'rpi']], 'USAGE'],
    ['an updater whose version is none', ['updater', 'newest'], 'ARCHIVE_REFUSED'],
  ] as const)('refuses %s', (_, [name, version, more], code) => {
    const { args, source, store } = workshop();
    if (name === 'updater') writeTree(source, { 'opq-updater.js': 'console.log(\'{"version":"1.0.0"}\')\n' });
    expect(release(args(name, version, more)).code).toBe(code);
    expect(existsSync(store) && readdirSync(join(store, 'components'))).toBe(false);
  });

  it('refuses a component with a link in it, and leaves nothing behind', () => {
    const { args, source, store } = workshop();
    symlinkSync('/etc/passwd', join(source, 'passwd'));
    expect(release(args('display', '1')).code).toBe('ARCHIVE_REFUSED');
    expect(existsSync(store)).toBe(false);
  });

  it('signs nothing but an index', () => {
    const { store, keys } = workshop();
    mkdirSync(store);
    expect(release(['component', 'sign', store, '--key', keys.private_key]).code).toBe('NOT_FOUND');
    writeTree(store, { 'index.draft.json': '{"format":1}' });
    expect(release(['component', 'sign', store, '--key', keys.private_key]).code).toBe('COMPONENT_REFUSED');
    rmSync(store, { recursive: true });
  });
});
