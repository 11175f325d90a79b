import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configKeyNames } from '../../protocol/config-keys.ts';
import { fakeDaemon } from '../support/fake-daemon.ts';
import { documents, runCli } from '../support/run-cli.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'opq-config-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function checked(content: string) {
  const file = join(folder, 'config.json');
  await writeFile(file, content);
  return {
    prose: await runCli(['config', 'check', file]),
    json: await runCli(['config', 'check', file, '--json']),
    file,
  };
}

describe('config check works without a daemon', () => {
  it('exits 0 for a good file', async () => {
    const { prose, json, file } = await checked('{"server_url":"http://updates.example/","jitter_s":5}');
    expect(prose).toMatchObject({ exitCode: 0, stderr: '' });
    expect(prose.stdout).toMatch(/ok +jitter_s/);
    expect(documents(json.stdout)).toEqual([{ path: file, problems: [] }]);
  });

  const bad: [string, string, string[]][] = [
    ['text that is no JSON', '{"server_url": ', ['(file)']],
    ['an empty file', '', ['(file)']],
    ['a list', '[1]', ['(file)']],
    ['null', 'null', ['(file)']],
    ['a server that is no URL', '{"server_url":"updates.example"}', ['server_url']],
    [
      'wrong type, impossible value, unknown key',
      '{"server_url":5,"jitter_s":-1,"sever":1}',
      ['server_url', 'jitter_s', 'sever'],
    ],
  ];
  for (const [what, content, keys] of bad) {
    it(`exits 2 for ${what} and names each key`, async () => {
      const { prose, json } = await checked(content);
      expect(prose.exitCode).toBe(2);
      for (const key of keys) expect(prose.stdout).toContain(`${key}: expected`);
      const [{ problems }] = documents(json.stdout) as [{ problems: { key: string }[] }];
      expect(json.exitCode).toBe(2);
      expect(problems.map(({ key }) => key)).toEqual(expect.arrayContaining(keys));
    });
  }

  it('reads the file of the box when none is named', async () => {
    await mkdir(join(folder, 'etc/opq'), { recursive: true });
    await writeFile(join(folder, 'etc/opq/updater_config.json'), '{"server_url":"http://updates.example/"}');
    expect((await runCli(['config', 'check', '--root', folder])).exitCode).toBe(0);
  });

  it('says which file is missing', async () => {
    const { exitCode, stderr } = await runCli(['config', 'check', join(folder, 'nowhere.json')]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/NOT_FOUND.*nowhere\.json/);
    expect((await runCli(['config', 'check', folder])).exitCode).toBe(2);
  });

  it('lets nothing in the file steer the terminal', async () => {
    const { prose } = await checked('{"a\u009b31m":1,"hardware":{"\\u001b[2J":1}}');
    expect(prose.stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });
});

describe('config set takes JSON, or text as it is', () => {
  const view = { path: '/c', problems: [], keys: [] };
  const values: [string, string, unknown][] = [
    ['server_url', 'http://updates.example/', 'http://updates.example/'],
    ['auto_install', 'false', false],
    ['services', '["a.service"]', ['a.service']],
    ['version_file', '2024', '2024'],
    ['window', 'null', null],
    ['schedule', '30 2 * * *', '30 2 * * *'],
  ];
  for (const [key, text, value] of values) {
    it(`${key} ${text}`, async () => {
      const daemon = await fakeDaemon({ config_set: view });
      expect((await runCli(['config', 'set', key, text, '--root', daemon.root])).exitCode).toBe(0);
      expect(daemon.asked).toEqual([`POST /config/set ${JSON.stringify({ key, value })}`]);
    });
  }

  it('refuses a value that cannot be, before it asks the daemon', async () => {
    const daemon = await fakeDaemon();
    for (const [key, text] of [
      ['jitter_s', 'soon'],
      ['server_url', 'ftp://x'],
      ['sever_url', 'http://x/'],
    ] as const) {
      const { exitCode, stderr } = await runCli(['config', 'set', key, text, '--root', daemon.root]);
      expect(exitCode).toBe(2);
      expect(stderr).toContain(`CONFIG_INVALID: ${key}: expected`);
    }
    expect(daemon.asked).toEqual([]);
  });
});

describe('the reference page', () => {
  it('is what "config reference" prints', async () => {
    const { stdout } = await runCli(['config', 'reference']);
    const page = await readFile(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
    expect(stdout).toBe(page);
    for (const key of configKeyNames) expect(page).toContain(`## ${key}\n`);
  });
});
