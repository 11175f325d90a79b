import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { checkFloor, raiseFloor, readFloor, wasTakenBack } from '../../daemon/floor.ts';
import { type Places, placesUnder } from '../../daemon/places.ts';
import { judgeConfig } from '../../protocol/config.ts';
import { errorOf } from '../support/error-of.ts';
import { newVersion, oldVersion } from '../support/samples.ts';

let places: Places;
beforeEach(async () => {
  const root = await mkdtemp(join(tmpdir(), 'opq-floor-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  places = placesUnder(root);
  await mkdir(places.state, { recursive: true });
});
const configWith = (minimum_version = 0) =>
  judgeConfig({ server_url: 'http://updates.example/', minimum_version }).values;
const floor = (minimum?: number) => readFloor(places, configWith(minimum));
async function install(text: string): Promise<void> {
  const path = places.at(configWith().installed_version_path);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

it('is the highest of what is installed, was ever confirmed, or is configured', async () => {
  expect(await floor()).toBe(0);
  await install('1\n');
  expect(await floor()).toBe(1);
  await raiseFloor(places, oldVersion);
  expect(await floor()).toBe(oldVersion);
  expect(await floor(newVersion)).toBe(newVersion);
  await install(`${newVersion + 1}\n`);
  expect(await floor(newVersion)).toBe(newVersion + 1);
});

it('never goes down, not by an earlier release and not when VERSION is lost', async () => {
  await install(`${newVersion}\n`);
  await raiseFloor(places, newVersion);
  await raiseFloor(places, oldVersion);
  await install('garbage');
  expect(await floor()).toBe(newVersion);
  expect(await readFile(join(places.state, 'floor'), 'utf8')).toBe(`${newVersion}\n`);
});

it('holds also when the state of the updater is lost or torn, by what is installed', async () => {
  await install(`${newVersion}\n`);
  for (const torn of ['', 'x', '\u0000\u0000', '-5']) {
    await writeFile(join(places.state, 'floor'), torn);
    expect(await floor()).toBe(newVersion);
  }
  await rm(places.state, { recursive: true });
  expect(await floor()).toBe(newVersion);
});

it('lets older releases in by force alone', () => {
  const number = fc.integer({ min: 0, max: 4 });
  fc.assert(
    fc.property(number, number, fc.boolean(), (to, least, force) => {
      const code = errorOf(() => checkFloor({ to, allowDowngrade: force }, least));
      expect(code).toBe(force || to >= least ? 'no error' : 'DOWNGRADE_REFUSED');
    }),
  );
});

it('knows the release that was confirmed before an earlier one came back, also without a history', async () => {
  const takenBack = (version: number) => wasTakenBack(version, places, configWith());
  await install(`${newVersion}\n`);
  await raiseFloor(places, newVersion);
  expect(await takenBack(newVersion)).toBe(false);
  await install(`${oldVersion}\n`);
  expect(await takenBack(newVersion)).toBe(true);
  expect(await takenBack(newVersion + 1)).toBe(false);
  expect(await takenBack(oldVersion)).toBe(false);
});
