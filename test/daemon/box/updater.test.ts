import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  layUpdater,
  linkedUpdater,
  removeOtherUpdaters,
  updaterInUse,
  useUpdater,
} from '../../../daemon/box/updater.ts';
import { UpdateError } from '../../../protocol/errors.ts';
import { badUpdater } from '../../support/an-updater.ts';

let root: string;
const at = (path: string) => join(root, path);
const versions = 'opt/opq-updater';
const sh = (script: string) => execFileSync('bash', ['-ec', script], { cwd: root, encoding: 'utf8' });
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'opq-updater-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
});

/** A folder as it comes out of a package. */
function folder(version: string, says = version, more = ''): string {
  const path = at(`package-${version}-${more}`);
  mkdirSync(join(path, 'lib/deep'), { recursive: true });
  writeFileSync(join(path, 'opq-updater.js'), badUpdater(says, ''), { mode: 0o755 });
  writeFileSync(join(path, 'lib/deep/part.js'), `// part of ${version} ${more}\n`);
  return path;
}
const lay = (version: string) => layUpdater(root, version, folder(version));
const refusal = (work: Promise<unknown>) =>
  work.then(
    () => 'no error',
    (error) => (error instanceof UpdateError ? `${error.code} ${error.message}` : error),
  );
const names = () => sh(`ls ${versions}`).trim().split('\n');

it('lays a version that nothing uses yet, readable by all and writable by root alone, and then uses it', async () => {
  const umask = process.umask(0o077);
  onTestFinished(() => void process.umask(umask));
  await lay('1.3.0');
  expect(await updaterInUse(root)).toBeUndefined();
  const modes = ['', '/1.3.0', '/1.3.0/lib', '/1.3.0/lib/deep', '/1.3.0/opq-updater.js', '/1.3.0/lib/deep/part.js'];
  expect(modes.map((path) => (statSync(at(versions + path)).mode & 0o7777).toString(8))).toEqual([
    '755',
    '755',
    '755',
    '755',
    '644',
    '644',
  ]);
  expect(await useUpdater(root, '1.3.0')).toBe(true);
  expect(await useUpdater(root, '1.3.0')).toBe(false);
  expect(await updaterInUse(root)).toBe('1.3.0');
  expect(readlinkSync(at(`${versions}/current`))).toBe('1.3.0');
  expect(names()).toEqual(['1.3.0', 'current']);
});

it('leaves a version that is there with the same bytes as it is, and replaces another one', async () => {
  await lay('1.3.0');
  const { ino } = statSync(at(`${versions}/1.3.0`));
  await lay('1.3.0');
  expect(statSync(at(`${versions}/1.3.0`)).ino).toBe(ino);
  await layUpdater(root, '1.3.0', folder('1.3.0', '1.3.0', 'other'));
  expect(readFileSync(at(`${versions}/1.3.0/lib/deep/part.js`), 'utf8')).toContain('other');
});

it('does not replace a version in use, which could not be put back, but for one that is marked bad', async () => {
  await lay('1.3.0');
  await useUpdater(root, '1.3.0');
  const other = folder('1.3.0', '1.3.0', 'other');
  expect(await refusal(layUpdater(root, '1.3.0', other))).toMatch(/^UPDATER_BROKEN/);
  expect(readFileSync(at(`${versions}/1.3.0/lib/deep/part.js`), 'utf8')).not.toContain('other');
  writeFileSync(at(`${versions}/1.3.0/bad`), '');
  await layUpdater(root, '1.3.0', folder('1.3.0'));
  expect(await updaterInUse(root)).toBe('1.3.0');
});

const broken: [string, string][] = [
  ['another version', badUpdater('1.3.1', '')],
  ['nothing', ''],
  ['no JSON', 'console.log("1.3.0")'],
  ['JSON that is nothing', 'console.log("null")'],
  ['its version, but fails', 'console.log(\'{"version":"1.3.0"}\'); process.exit(1)'],
  ['a flood', 'process.stdout.write("x".repeat(1e7))'],
];
it.each(broken)('refuses a program that says %s', async (_, program) => {
  const from = folder('1.3.0');
  writeFileSync(join(from, 'opq-updater.js'), program);
  expect(await refusal(layUpdater(root, '1.3.0', from))).toMatch(/^UPDATER_BROKEN/);
  expect(await linkedUpdater(root)).toBeUndefined();
});

it('takes the answer of a program that leaves another one behind', async () => {
  const from = folder('1.3.0');
  const left = `require('node:child_process').spawn('sleep', ['2'], { stdio: 'inherit', detached: true }).unref();`;
  writeFileSync(join(from, 'opq-updater.js'), `${left}\n${badUpdater('1.3.0', '')}`);
  await layUpdater(root, '1.3.0', from);
});

it('uses no version that is not there, and has its folders in no folder that others may write to', async () => {
  expect(await refusal(useUpdater(root, '1.3.0'))).toMatch(/^UPDATER_BROKEN/);
  mkdirSync(at(versions), { recursive: true });
  chmodSync(at(versions), 0o777);
  expect(await refusal(lay('1.3.0'))).toMatch(/^UNSAFE_FOLDER/);
});

describe('A version is whole after a power cut', () => {
  const half = `${versions}/1.3.0.new`;
  const cuts: [string, string][] = [
    ['while it was copied', `mkdir -p ${half}/lib; echo half >${half}/opq-updater.js`],
    ['before it got its name', `mkdir -p ${versions}; cp -r package-1.3.0- ${half}`],
    ['while an earlier one was removed', `mkdir -p ${versions}/1.3.0/lib; cp -r package-1.3.0- ${half}`],
    ['when the earlier one was gone', `mkdir -p ${versions}; cp -r package-1.3.0- ${half}`],
    ['when it had its name', `mkdir -p ${versions}; cp -r package-1.3.0- ${versions}/1.3.0`],
    [
      'that lost the bytes of a file',
      `mkdir -p ${versions}; cp -r package-1.3.0- ${versions}/1.3.0; : >${versions}/1.3.0/opq-updater.js`,
    ],
    ['before the link got its name', `mkdir -p ${versions}; ln -s 1.3.0 ${versions}/current.new`],
    [
      'with another link there',
      `mkdir -p ${versions}; ln -s 1.2.0 ${versions}/current; ln -s x ${versions}/current.new`,
    ],
  ];
  it.each(cuts)('%s', async (_, cut) => {
    folder('1.3.0');
    sh(cut);
    expect(await updaterInUse(root)).toBeUndefined();
    await lay('1.3.0');
    await useUpdater(root, '1.3.0');
    expect(await updaterInUse(root)).toBe('1.3.0');
    expect(sh(`diff -r package-1.3.0- ${versions}/1.3.0`)).toBe('');
    await removeOtherUpdaters(root, []);
    expect(names()).toEqual(['1.3.0', 'current']);
  });
});

it('removes all versions but the one in use, even marked bad, and those that are to be kept', async () => {
  await removeOtherUpdaters(root, []);
  for (const version of ['1.0.0', '1.1.0', '1.2.0', '1.3.0']) await lay(version);
  await useUpdater(root, '1.3.0');
  sh(`touch ${versions}/1.3.0/bad; mkdir ${versions}/1.4.0.new; touch ${versions}/stray`);
  await removeOtherUpdaters(root, ['1.1.0', undefined]);
  expect(names()).toEqual(['1.1.0', '1.3.0', 'current']);
});
