import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect } from 'vitest';
import { packageFolder, packageName } from '../../../protocol/version.ts';
import { it, oldRelease, type ScratchBox } from '../../support/scratch-box.ts';
import { expectUsable, expectWhole } from '../../support/scratch-expectations.ts';
import { readTree, release } from '../../support/scratch-release.ts';

const good = release(1_550_000_002);
const downloads = 'var/opq/updater';

/** A folder of somebody else, with something in it that is worth destroying. */
function victimOf(box: ScratchBox): string {
  const victim = join(dirname(box.root), 'victim');
  mkdirSync(victim);
  for (const name of ['precious', packageName(good.version)]) writeFileSync(join(victim, name), 'precious\n');
  return victim;
}
const contents = (folder: string) => readTree(dirname(folder), ['victim']);

describe('Nothing is written when the download folder', () => {
  const plants: [string, (path: string, victim: string) => void][] = [
    ['is a link', (path, victim) => symlinkSync(victim, path)],
    ['is a file', (path) => writeFileSync(path, 'mine\n')],
    [
      'may be written by a group',
      (path) => {
        mkdirSync(path);
        chmodSync(path, 0o770);
      },
    ],
    [
      'may be written by all',
      (path) => {
        mkdirSync(path);
        chmodSync(path, 0o1777);
      },
    ],
  ];
  it.for(plants)('%s', async ([, plant], { newBox, publisher }) => {
    const box = await newBox();
    const victim = victimOf(box);
    const before = contents(victim);
    mkdirSync(box.at('var/opq'), { recursive: true });
    plant(box.at(downloads), victim);
    const planted = readTree(box.root, [downloads]);
    const { exitCode, last } = await box.cli('install', await publisher.stick(good), '--wait');
    expect(last).toMatchObject({ outcome: 'refused', because: { code: 'UNSAFE_FOLDER' }, step: 'download' });
    expect(exitCode).toBe(4);
    expect(contents(victim)).toEqual(before);
    expect(readTree(box.root, [downloads])).toEqual(planted);
    rmSync(box.at(downloads), { recursive: true });
    await expectWhole(box, oldRelease);
    await expectUsable(box, publisher);
  });
});

it('writes nothing through links in the download folder that have the names of its own files', async ({
  newBox,
  publisher,
  serve,
}) => {
  const server = await serve(good);
  const box = await newBox({ config: { server_url: server.url } });
  const victim = victimOf(box);
  const before = contents(victim);
  mkdirSync(box.at(downloads), { recursive: true, mode: 0o700 });
  const name = packageName(good.version);
  for (const own of [name, `${name}.unverified`, `${name}.unverified.etag`, `${name}.sig`]) {
    symlinkSync(join(victim, 'precious'), box.at(`${downloads}/${own}`));
  }
  const folder = packageFolder(good.version);
  symlinkSync(join(victim, 'precious'), box.at(`${downloads}/${folder}.tar`));
  symlinkSync(victim, box.at(`${downloads}/${folder}.unpacked`));
  expect(await box.cli('install', '--wait')).toMatchObject({ exitCode: 0, last: { outcome: 'confirmed' } });
  expect(contents(victim)).toEqual(before);
  await expectWhole(box, good);
  await expectUsable(box, publisher);
});

it('does not start on a state folder that leads elsewhere, and starts once it is right again', async ({ newBox }) => {
  const box = await newBox();
  await box.shutdown();
  const victim = victimOf(box);
  const before = contents(victim);
  const state = box.at('var/lib/opq-updater');
  renameSync(state, `${state}.mine`);
  symlinkSync(victim, state);
  box.powerOn();
  await box.until('a refusal', () => box.console().includes('UNSAFE_FOLDER'));
  expect(contents(victim)).toEqual(before);
  rmSync(state);
  renameSync(`${state}.mine`, state);
  await box.until('the daemon answers', () => box.status());
  expect(readdirSync(victim)).toHaveLength(2);
  expect(readFileSync(join(victim, 'precious'), 'utf8')).toBe('precious\n');
});
