import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAttendedSettings } from '../../../server/attended/settings.ts';
import { bundle, runProgram } from '../program.ts';
import { makeStore, say, settingsIn } from './shop.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'opq-off-'));
  await makeStore(root);
});
afterAll(() => rm(root, { recursive: true }));

describe('A server without settings for builds on demand', () => {
  it('has none of their code, and none of their paths', async () => {
    const alone = join(root, 'alone');
    await mkdir(alone);
    await copyFile(bundle, join(alone, 'server.js'));
    const server = runProgram({ port: 0, updates_dir: root }, [], [process.execPath, join(alone, 'server.js')]);
    const url = await server.url();
    expect((await say(url, 'GET', '/api/distros')).status).toBe(404);
    expect((await say(url, 'POST', '/api/upgrade-check', {})).status).toBe(405);
    server.child.kill('SIGTERM');
    expect((await server.ended).code).toBe(0);
    const text = await readFile(bundle, 'utf8');
    for (const word of ['X-Imagebuilder-Status', 'bullmq', 'upgrade-check']) expect(text).not.toContain(word);
  });
});

describe('A server with wrong settings for them says which, and ends', () => {
  it.each<[string, object, string, number]>([
    ['no store', { store_dir: undefined }, 'attended.store_dir', 2],
    ['an unknown key', { stor_dir: 'x' }, 'stor_dir', 2],
    ['an address with a slash at its end', { public_url: 'http://server/' }, 'attended.public_url', 2],
    ['a hold that clients do not wait for', { hold_ms: 20_000 }, 'attended.hold_ms', 2],
    ['a public key that is none', { index_key_path: bundle }, 'PEM', 4],
    ['a key that is not there', { index_key_path: '/no/such/key' }, '/no/such/key', 2],
  ])('%s', async (_, more, word, exit) => {
    const server = runProgram({ port: 0, updates_dir: root, attended: { ...settingsIn(root), ...more } });
    const { code, stderr } = await server.ended;
    expect([code, stderr]).toEqual([exit, expect.stringContaining(word)]);
    expect(stderr).not.toMatch(/^ {4}at /m);
  });
});

describe('The operator', () => {
  it('has failures forgotten with SIGHUP, also those of before a restart', async () => {
    const settings = { port: 0, host: '127.0.0.1', updates_dir: root, attended: settingsIn(root) };
    const server = runProgram(settings);
    const url = await server.url();
    const body = { distro: 'opq', target: 'rpi/3', packages: ['display'] };
    const { json, status } = await say(url, 'POST', '/api/build-request', body);
    expect(status).toBe(409);
    server.child.kill('SIGHUP');
    const state = async () => (await say(url, 'GET', `/api/build-request/${json.request_hash}`)).status;
    await expect.poll(state, { timeout: 20_000 }).toBe(404);
    server.child.kill('SIGTERM');
    expect((await server.ended).stdout).toContain('forgot 1 failed builds');
  });
});

describe('The unit of a worker and the documentation', () => {
  const top = fileURLToPath(new URL('../../..', import.meta.url));
  it('name programs, folders and settings that are there', async () => {
    const unit = await readFile(join(top, 'server/systemd/opq-attended-worker.service'), 'utf8');
    const docs = await readFile(join(top, 'docs/attended.md'), 'utf8');
    const example = /```json\n(\{\n {2}"port"[\s\S]*?)```/.exec(docs)![1]!;
    const settings = parseAttendedSettings(JSON.parse(example).attended);
    expect(unit).toContain(`RequiresMountsFor=${settings.store_dir} ${settings.cache_dir}\n`);
    expect(unit).toContain(`ReadWritePaths=${settings.cache_dir}\n`);
    expect(unit).toContain(dirname(settings.builder_key_path));
    expect(unit).toMatch(/^ExecStart=\/usr\/bin\/node \/\S+\/opq-attended-worker\.js --settings \S+$/m);
    for (const key of Object.keys(
      parseAttendedSettings({ ...settings, public_url: 'http://a', redis_url: 'redis://a' }),
    )) {
      expect(docs).toContain(`\`${key}\``);
    }
    await writeFile(join(root, 'profiles.json'), /```json\n(\{\n {2}"hardware"[\s\S]*?)```/.exec(docs)![1]!);
    const { parseProfiles } = await import('../../../server/attended/profiles.ts');
    expect(Object.keys(parseProfiles(await readFile(join(root, 'profiles.json'), 'utf8')).hardware)).toEqual(['rpi/3']);
  });
});
