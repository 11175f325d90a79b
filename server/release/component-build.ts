import { randomBytes } from 'node:crypto';
import { chmod, cp, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultArchiveLimits, readArchive } from '../../protocol/archive.ts';
import { componentNamePattern, componentVersionPattern, hardwarePattern } from '../../protocol/component.ts';
import { type Component, formatIndex } from '../../protocol/component-index.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { quote, releaseVersionPattern } from '../../protocol/version.ts';
import { aboutPath, contentOf, folderOf, imageRows, readAbout, watched } from './component-store.ts';
import { below, type ContentRow } from './content-tree.ts';
import { exists, putText, syncFolder, syncTree } from './put-file.ts';
import { tarOf } from './tar-writer.ts';
import { sizeText } from './text.ts';
import { mustSayItsVersion } from './updater-content.ts';
import { verb } from './verb.ts';

const name = { type: 'string', value: 'NAME', multiple: true } as const;

export const componentBuild = verb({
  summary: 'put a component into a store, for updates built on demand',
  operands: ['CONTENT_DIR'],
  options: {
    name: { type: 'string', value: 'NAME', required: true, help: 'such as triggering' },
    version: { type: 'string', value: 'V', required: true, help: 'of the component, such as 1.4.2' },
    release: {
      type: 'string',
      value: 'N',
      required: true,
      help: 'the first release that has it, seconds since the epoch',
    },
    hardware: { type: 'string', value: 'HW', multiple: true, help: 'what it runs on, such as rpi/3; one at least' },
    requires: { ...name, help: 'a component that has to be in the same update' },
    conflicts: { ...name, help: 'a component that must not be in the same update' },
    to: { type: 'string', value: 'STORE', required: true, help: 'the folder of the store' },
  },
  details: `Copies CONTENT_DIR into STORE/components, with the digest of its tree. If it holds install.sh, boxes run that
in the unpacked folder of the component. What a box refuses in a package is refused here.
A component counts once it is in the signed index: see "component index" and "component sign".
One that exists is not overwritten: give a new version. But files of it that were damaged are put right.`,
  examples: [
    [
      'opq-release component build triggering --name triggering --version 1.4.2 --release 1550190683 --hardware rpi/3 --to store',
      'a component that release 1550190683 and later ones have',
    ],
  ],

  async run(args) {
    const { CONTENT_DIR: source, to: store } = args;
    const told = describe(args);
    const rows = await below(source, '');
    const { sha256, size } = await judged(told, rows);
    const component: Component = { ...told, sha256, size };
    const folder = folderOf(store, component);
    const was = await put(component, source, folder);
    return {
      text: `${folder}\n${sizeText(size)} in ${rows.length} entries${said[was]}\nsha256 ${sha256}`,
      json: { component: folder, ...component, mended: was === 'mended' },
    };
  },
});

const said = { new: '', there: ', was there already', mended: '; what lay there was damaged and is replaced' } as const;

type Told = Omit<Component, 'sha256' | 'size'>;

function describe(args: {
  readonly name: string;
  readonly version: string;
  readonly release: string;
  readonly hardware: readonly string[];
  readonly requires: readonly string[];
  readonly conflicts: readonly string[];
}): Told {
  if (args.hardware.length === 0) throw new UpdateError('USAGE', 'component build needs --hardware HW, once at least.');
  const others = (names: readonly string[]) =>
    names.map((other) => mustMatch(other, componentNamePattern, 'a component', 'triggering'));
  return {
    name: mustMatch(args.name, componentNamePattern, '--name', 'triggering'),
    version: mustMatch(args.version, componentVersionPattern, '--version', '1.4.2'),
    release: Number(mustMatch(args.release, releaseVersionPattern, '--release', '1550190683')),
    hardware: args.hardware.map((hardware) => mustMatch(hardware, hardwarePattern, '--hardware', 'rpi/3')),
    requires: others(args.requires),
    conflicts: others(args.conflicts),
  };
}

/** Reads the component as a box does when it comes in an image of its own. */
async function judged(told: Told, rows: readonly ContentRow[]): Promise<Pick<Component, 'sha256' | 'size'>> {
  const { rows: watchedRows, digest } = watched(rows);
  const parts = [{ component: told, rows: watchedRows }];
  const image = imageRows({ version: told.release, hardware: told.hardware[0]!, parts, defaults: undefined });
  await mustSayItsVersion(image);
  const judge = readArchive(told.release, defaultArchiveLimits);
  for await (const chunk of tarOf(image, told.release)) judge.push(chunk);
  judge.end();
  return { sha256: digest(), size: rows.reduce((sum, row) => sum + (row.kind === 'file' ? row.sizeBytes : 0), 0) };
}

/** The folder appears whole or not at all; one that says the same and holds other files was damaged, and is replaced. */
async function put(component: Component, source: string, folder: string): Promise<'new' | 'there' | 'mended'> {
  const line = (it: Component) => formatIndex({ format: 1, expires: 1, components: [it] });
  const isThere = await exists(folder);
  if (isThere && line(readAbout(await readFile(aboutPath(folder), 'utf8'))) !== line(component))
    throw new UpdateError('USAGE', `${folder} is there and says other things of it: take a new version, or remove it.`);
  if (isThere && (await digestOf(contentOf(folder))) === component.sha256) return 'there';
  const parent = join(folder, '..');
  const [temp, damaged] = [0, 1].map(() => join(parent, `.${randomBytes(6).toString('hex')}`)) as [string, string];
  await mkdir(temp, { recursive: true });
  try {
    await cp(source, contentOf(temp), { recursive: true, errorOnExist: true, verbatimSymlinks: true });
    await readable(contentOf(temp));
    await putText(aboutPath(temp), `${JSON.stringify(component, null, 2)}\n`);
    // Who is cut off later finds a whole component or none under its name.
    await syncTree(temp);
    if (isThere) await rename(folder, damaged);
    await rename(temp, folder);
  } catch (error) {
    await rm(temp, { recursive: true, force: true });
    throw error;
  }
  await syncFolder(parent);
  await rm(damaged, { recursive: true, force: true });
  return isThere ? 'mended' : 'new';
}

/** Undefined for what cannot be read, or is no component any more. */
async function digestOf(content: string): Promise<string | undefined> {
  try {
    const { rows, digest } = watched(await below(content, ''));
    for await (const _ of tarOf(rows, 0));
    return digest();
  } catch {
    return undefined; // a file that is missing or a disk that does not give it: damaged, like other bytes
  }
}

/** For everybody, whatever the umask of the publisher: the server is another user. */
async function readable(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const row of await below(folder, '')) {
    await chmod(join(folder, row.name), row.kind === 'folder' ? 0o755 : row.mode);
  }
}

function mustMatch(value: string, pattern: RegExp, what: string, example: string): string {
  if (pattern.test(value)) return value;
  throw new UpdateError('USAGE', `${what} should be written like ${example}, found ${quote(value)}.`);
}
