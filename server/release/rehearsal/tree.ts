import { chmod, lstat, mkdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../../daemon/box/run.ts';
import { UpdateError } from '../../../protocol/errors.ts';
import restoreProgram from '../../../systemd/restore.sh';
import { exists } from '../put-file.ts';
import { callsFile, standIns } from './answers.ts';
import type { Request } from './rehearsal.ts';
import stepsProgram from './steps.sh';

/** A box to write in: overlays that end at the folders of programs, which are those of this machine. */
export interface Tree {
  readonly root: string;
  readonly layers: readonly Layer[];
}

interface Layer {
  /** Where it is in the tree: empty, or such as `usr/bin`. */
  readonly at: string;
  /** Folders below it, the topmost first. */
  readonly lower: readonly string[];
  /** Of these, the ones that hold what was written since the box was as it was. */
  readonly written: readonly string[];
}

/** Those of this machine lie over those of the box, which may be for other hardware. */
export const toolFolders = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libexec'].flatMap((name) => [name, `usr/${name}`]);

/** Where things lie, seen from this process; all in the scratch folder. */
export const placesOf = ({ scratch }: Pick<Request, 'scratch'>) => ({
  box: join(scratch, 'box'),
  below: join(scratch, 'below'),
  trees: join(scratch, 'trees'),
  programs: join(scratch, 'programs'),
  dev: join(scratch, 'dev'),
  own: join(scratch, 'dev/opq-release'),
  calls: join(scratch, callsFile.slice(1)),
  snapshot: join(scratch, 'dev/opq-release/snapshot'),
});

/** Everything that trees are made of; returns the one of the box as it is, which nobody may write to. */
export async function layOut(request: Request): Promise<Tree> {
  const { box, trees, programs, dev, own, below } = placesOf(request);
  for (const folder of [box, trees, programs, own]) await mkdir(folder, { recursive: true });
  await mount(['--rbind', request.box, box]);
  for (const [name, text] of Object.entries(standIns)) {
    await writeFile(join(programs, name), text);
    await chmod(join(programs, name), 0o755);
  }
  await writeFile(join(own, 'steps.sh'), stepsProgram);
  await writeFile(join(own, 'restore.sh'), restoreProgram);
  for (const name of ['null', 'zero', 'full', 'random', 'urandom']) {
    await writeFile(join(dev, name), '');
    await mount(['--bind', `/dev/${name}`, join(dev, name)]);
  }
  for (const [name, to] of Object.entries({ fd: '', stdin: '/0', stdout: '/1', stderr: '/2' })) {
    await symlink(`/proc/self/fd${to}`, join(dev, name));
  }
  const root = join(trees, 'before/root');
  // Nothing is ever written to this one: the others lie on what it lies on.
  const layers: Layer[] = [{ at: '', lower: [box, below], written: [] }];
  await mountTree(request, 'before', layers);
  for (const at of toolFolders) {
    const stat = await lstat(join(root, at)).catch(() => undefined); // neither here nor on the box
    if (!stat?.isDirectory()) continue;
    const host = await realpath(`/${at}`).catch(() => undefined); // the box has one, this machine has not
    const lower = [/bin$/.test(at) ? programs : [], host ?? [], (await exists(join(box, at))) ? join(box, at) : []];
    layers.push({ at, lower: lower.flat(), written: [] });
  }
  await mountLayers(request, 'before', layers.slice(1));
  return { root, layers };
}

/** A tree of its own that begins as `base` is now; that one is not to be written to any more. */
export const treeOn = (request: Request, name: string, base: Tree): Promise<Tree> =>
  mountTree(request, name, base.layers);

async function mountTree(request: Request, name: string, layers: readonly Layer[]): Promise<Tree> {
  const root = join(placesOf(request).trees, name, 'root');
  const mounted = await mountLayers(request, name, layers);
  for (const at of ['dev', 'proc', 'tmp', 'var/tmp']) await mustBePlain(root, at);
  return { root, layers: mounted };
}

/** Behind a link, one of the box or one that a script left, something of this machine would be mounted over. */
async function mustBePlain(root: string, at: string): Promise<void> {
  const place = join(root, at);
  if ((await realpath(place).catch(() => undefined)) === place && (await lstat(place)).isDirectory()) return;
  throw new UpdateError('PATH_NOT_UNDOABLE', `/${at} should be a folder, found something else or a link on its path.`);
}

async function mountLayers(request: Request, name: string, layers: readonly Layer[]): Promise<Layer[]> {
  const folder = join(placesOf(request).trees, name);
  const mounted: Layer[] = [];
  for (const { at, lower, written } of layers) {
    const [upper, work] = ['written', 'work'].map((part) => join(folder, part, at.replaceAll('/', '-') || 'root'));
    for (const made of [upper!, work!, join(folder, 'root')]) await mkdir(made, { recursive: true });
    if (at !== '') await mustBePlain(join(folder, 'root'), at);
    // Its attributes are those that whoever is root in a namespace alone may set.
    const options = `userxattr,lowerdir=${lower.join(':')},upperdir=${upper},workdir=${work}`;
    await mount(['-t', 'overlay', '-o', options, 'overlay', join(folder, 'root', at)]);
    mounted.push({ at, lower: [upper!, ...lower], written: [upper!, ...written] });
  }
  return mounted;
}

export async function removeTree(request: Request, name: string): Promise<void> {
  const folder = join(placesOf(request).trees, name);
  await leave(folder);
  await rm(folder, { recursive: true, force: true });
}

/** What was written stays, for a tree on top of it. */
export const leaveTree = (request: Request, name: string): Promise<void> => leave(join(placesOf(request).trees, name));

async function leave(folder: string): Promise<void> {
  await run('umount', ['--lazy', '--recursive', join(folder, 'root')], { timeoutMs: 60_000 });
}

async function mount(args: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await run('mount', args, { timeoutMs: 60_000 });
  if (exitCode === 0) return;
  throw new UpdateError(
    'NOT_PERMITTED',
    `"mount ${args.slice(0, 2).join(' ')}" is refused here: ${stderr.trim().split('\n')[0]} It takes Linux 5.11 or newer, ` +
      'TMPDIR on a file system with attributes (ext4, xfs, btrfs; tmpfs since Linux 6.6), and nothing mounted below --root.',
  );
}
