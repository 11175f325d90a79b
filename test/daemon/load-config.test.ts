import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { loadConfig, setConfig, settingsFile, viewConfig } from '../../daemon/load-config.ts';
import { type Places, placesUnder } from '../../daemon/places.ts';
import { describeProblem, judgeConfig } from '../../protocol/config.ts';
import { configKeyNames, configKeys } from '../../protocol/config-keys.ts';
import { judge } from '../../protocol/schema.ts';
import { codeOf } from '../support/error-of.ts';

const server = 'http://updates.example/';
let places: Places;
beforeEach(async () => {
  const root = await mkdtemp(join(tmpdir(), 'opq-config-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  places = placesUnder(root);
  await mkdir(dirname(places.config), { recursive: true });
  await mkdir(places.state, { recursive: true });
});
const putFile = (text: string) => writeFile(places.config, text);
const putSettings = (text: string) => writeFile(settingsFile(places), text);
const problemKeys = async () => (await loadConfig(places)).problems.map(({ key }) => key);

it('takes what the file says, and for the rest the defaults', async () => {
  await putFile(JSON.stringify({ server_url: server, jitter_s: 5 }));
  const { values, sources, problems } = await loadConfig(places);
  expect(problems).toEqual([]);
  expect(values).toMatchObject({ server_url: server, jitter_s: 5, version_file: 'version.json' });
  expect(sources).toMatchObject({ jitter_s: 'file', version_file: 'default' });
});

it('lays over it what the page may set, and nothing else', async () => {
  await putFile(JSON.stringify({ server_url: server, auto_install: true, window: '01:00-05:00' }));
  await putSettings(JSON.stringify({ auto_install: false, server_url: 'http://evil.example/', minimum_version: 1 }));
  const { values, sources, problems } = await loadConfig(places);
  expect(values).toMatchObject({ server_url: server, auto_install: false, window: '01:00-05:00', minimum_version: 0 });
  expect(sources).toMatchObject({ auto_install: 'settings', server_url: 'file' });
  expect(problems.map(({ key }) => key)).toEqual(['server_url', 'minimum_version']);
});

describe('a configuration that cannot be used as it is', () => {
  const files: [string, () => Promise<unknown>, string][] = [
    ['is missing', () => rm(places.config, { force: true }), '(file)'],
    ['is empty', () => putFile(''), '(file)'],
    ['is torn', () => putFile('{"server_url":"http://upd'), '(file)'],
    ['is no object', () => putFile('[1,2]'), '(file)'],
    ['is a folder', () => mkdir(places.config), '(file)'],
    ['is a link to itself', () => symlink('updater_config.json', places.config), '(file)'],
    ['is garbage', () => putFile('\u0000'.repeat(1000)), '(file)'],
    ['names a server that is none', () => putFile('{"server_url":""}'), 'server_url'],
    ['has an unknown key', () => putFile(JSON.stringify({ server_url: server, jiter_s: 1 })), 'jiter_s'],
    ['has keys that objects have anyway', () => putFile('{"__proto__":{},"constructor":1}'), '__proto__'],
    ['is nested deeply', () => putFile(`{"server_url":${'['.repeat(50_000)}${']'.repeat(50_000)}}`), 'server_url'],
  ];
  it.each(files)('because it %s is still loaded, with its problems', async (_, make, key) => {
    await make();
    expect(await problemKeys()).toContain(key);
    expect((await loadConfig(places)).values).toMatchObject({ version_file: 'version.json', jitter_s: 3600 });
  });

  it('because the settings are torn keeps what its file says', async () => {
    await putFile(JSON.stringify({ server_url: server, schedule: '30 2 * * *' }));
    await putSettings('{"schedule":"0 ');
    expect((await loadConfig(places)).values).toMatchObject({ server_url: server, schedule: '30 2 * * *' });
    expect(await problemKeys()).toEqual(['(file)']);
  });
});

describe('any JSON', () => {
  it('is judged without an error and gives values that are good', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (file, settings) => expectUsable(judgeConfig(file, settings))),
    );
  });

  it('under the right keys, too', () => {
    const entry = fc.tuple(fc.constantFrom(...configKeyNames), fc.jsonValue());
    const object = fc.array(entry).map((entries) => Object.fromEntries(entries));
    fc.assert(fc.property(object, object, (file, settings) => expectUsable(judgeConfig(file, settings))));
  });

  function expectUsable({ values, problems }: ReturnType<typeof judgeConfig>): void {
    for (const name of configKeyNames) expect(judge(configKeys[name].type, values[name]).success).toBe(true);
    for (const problem of problems) expect(describeProblem(problem)).not.toMatch(/[\u0000-\u001f]/);
  }
});

describe('config set', () => {
  it('writes one key and leaves the others, good or bad, as they are', async () => {
    await putFile(JSON.stringify({ sever_url: 'typo', server_url: server, jitter_s: 'soon' }));
    await setConfig(places, 'auto_install', false);
    expect(JSON.parse(await readFile(places.config, 'utf8'))).toEqual({
      sever_url: 'typo',
      server_url: server,
      jitter_s: 'soon',
      auto_install: false,
    });
    expect((await stat(places.config)).mode & 0o777).toBe(0o644);
  });

  it.each([
    ['stays readable for whom its owner lets', 'http://host/', 0o640, 0o640],
    ['is closed for all others once it holds a password', 'http://box:secret@host/', 0o644, 0o640],
  ])('%s', async (_, address, before, after) => {
    await putFile('{}');
    await chmod(places.config, before);
    await setConfig(places, 'server_url', address);
    expect((await stat(places.config)).mode & 0o777).toBe(after);
  });

  it('makes the file where there is none, and takes a key out again by null', async () => {
    await setConfig(places, 'server_url', server);
    await setConfig(places, 'window', '01:00-05:00');
    await setConfig(places, 'window', null);
    await setConfig(places, 'jitter_s', 7);
    await setConfig(places, 'jitter_s', null);
    expect(JSON.parse(await readFile(places.config, 'utf8'))).toEqual({ server_url: server, window: null });
    expect(await problemKeys()).toEqual([]);
  });

  it('mends a file by taking out what it does not know', async () => {
    await putFile(JSON.stringify({ sever_url: 'typo', server_url: server }));
    await setConfig(places, 'sever_url', null);
    expect(await problemKeys()).toEqual([]);
  });

  it.each([
    ['jitter_s', -1],
    ['jitter_s', '5'],
    ['sever_url', 'http://x/'],
    ['server_url', 'ftp://x/'],
    ['schedule', '0 0 31 2 *'],
    ['window', '25:00-26:00'],
    ['__proto__', {}],
  ])('refuses %s = %j and changes nothing', async (key, value) => {
    await putFile(JSON.stringify({ server_url: server }));
    expect(await codeOf(setConfig(places, key, value))).toBe('CONFIG_INVALID');
    expect(await readFile(places.config, 'utf8')).toBe(JSON.stringify({ server_url: server }));
  });

  it('does not write over a file that only a person can mend', async () => {
    for (const text of ['{"server_url": ', '[]', 'null']) {
      await putFile(text);
      expect(await codeOf(setConfig(places, 'jitter_s', 1))).toBe('CONFIG_INVALID');
      expect(await readFile(places.config, 'utf8')).toBe(text);
    }
  });
});

it('shows every key with its value, where that comes from, and what it means', async () => {
  await putFile(JSON.stringify({ server_url: server }));
  const view = viewConfig(places, await loadConfig(places));
  expect(view.keys.map(({ key }) => key)).toEqual(configKeyNames);
  expect(view.keys).toContainEqual(expect.objectContaining({ key: 'server_url', value: server, source: 'file' }));
  expect(view.keys.every(({ meaning }) => meaning.length > 10)).toBe(true);
});
