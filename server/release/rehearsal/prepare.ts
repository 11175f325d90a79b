import { cp, lstat, mkdir, mkdtemp, readFile, readlink, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { openStaging } from '../../../daemon/package/staging.ts';
import { undoablePaths } from '../../../daemon/writable.ts';
import type { ArchiveContent } from '../../../protocol/archive.ts';
import { describeProblem, judgeConfig, parseConfigText } from '../../../protocol/config.ts';
import type { Config } from '../../../protocol/config-keys.ts';
import { UpdateError } from '../../../protocol/errors.ts';
import { packageFolder } from '../../../protocol/version.ts';
import { judgePackage } from '../judge-package.ts';
import { versionOfPackage, withPackage } from '../package-file.ts';
import { exists } from '../put-file.ts';
import { makeMinimalBox } from './minimal-box.ts';
import { inNamespace } from './namespace.ts';
import type { Request } from './rehearsal.ts';
import { placesOf, toolFolders } from './tree.ts';

/**
 * Rehearses the installation of a package and gives what was found out. The archive is judged as a whole before
 * anything of it runs; a signature is not asked for, as whoever runs this made the package.
 * @param root the tree of a box; undefined = a minimal one
 * @throws UpdateError ARCHIVE_CORRUPT | ARCHIVE_REFUSED | VERSION_MISMATCH | CONFIG_INVALID | PATH_NOT_UNDOABLE | USAGE
 */
export async function rehearse<T>(
  path: string,
  root: string | undefined,
  how: Pick<Request, 'task' | 'maxStops'> & { readonly program: string },
): Promise<{ readonly result: T; readonly request: Request }> {
  const version = versionOfPackage(path);
  const box = root === undefined ? undefined : await folderAt(root);
  const scratch = await realpath(await mkdtemp(join(tmpdir(), 'opq-rehearsal-')));
  try {
    if (box !== undefined && `${scratch}/`.startsWith(`${box.replace(/\/$/, '')}/`)) {
      const message = `${root} holds the scratch folder ${scratch}: give a copy of the box, or another TMPDIR.`;
      throw new UpdateError('USAGE', message);
    }
    const tree = box ?? (await makeMinimalBox(join(scratch, 'minimal')));
    const config = await configOf(tree);
    const { below } = placesOf({ scratch });
    const folder = join(config.download_dir_path, `${packageFolder(version)}.unpacked`, packageFolder(version));
    await makeBelow(below);
    const content = await unpack(path, version, join(below, folder));
    const writable = undoablePaths(config, content.updateJson?.writable_paths ?? []);
    const versionPath = config.installed_version_path;
    if (!writable.some((one) => versionPath.startsWith(`${one}/`))) {
      const message = `${versionPath} is in none of the writable paths, so it could not be put back.`;
      throw new UpdateError('PATH_NOT_UNDOABLE', message);
    }
    const { program, ...task } = how;
    const timeoutMs = config.script_timeout_s * 1000;
    const request: Request = { ...task, scratch, box: tree, folder, version, versionPath, writable, timeoutMs };
    const file = join(scratch, 'request.json');
    await writeFile(file, JSON.stringify(request));
    return { result: await inNamespace<T>(program, file), request };
  } finally {
    // One that was killed may leave folders that are closed to their owner.
    await rm(scratch, { recursive: true, force: true }).catch(() => {});
  }
}

async function folderAt(path: string): Promise<string> {
  const real = await realpath(path);
  if ((await lstat(real)).isDirectory()) return real;
  throw new UpdateError('NOT_FOUND', `${path} is not a folder.`);
}

/** What a box with this tree does, without what its page may have set: of that nothing matters here. */
async function configOf(box: string): Promise<Config> {
  const path = join(box, 'etc/opq/updater_config.json');
  if (!(await exists(path))) return judgeConfig({}).values;
  const parsed = parseConfigText(await readFile(path, 'utf8'));
  const { values, problems } =
    'problem' in parsed ? { ...judgeConfig({}), problems: [parsed.problem] } : judgeConfig(parsed.json);
  if (problems.length === 0) return values;
  throw new UpdateError('CONFIG_INVALID', `${path}: ${problems.map(describeProblem).join('; ')}`);
}

/** Lies below the tree of the box: the places where things are mounted, where that has none, and the package. */
async function makeBelow(below: string): Promise<void> {
  for (const name of ['dev', 'proc', 'sys', 'tmp', 'var/tmp', 'etc'])
    await mkdir(join(below, name), { recursive: true });
  for (const name of toolFolders) {
    const here = await lstat(`/${name}`).catch(() => undefined); // this machine has none
    if (here?.isDirectory()) await mkdir(join(below, name), { recursive: true });
    else if (here?.isSymbolicLink()) await symlink(await readlink(`/${name}`), join(below, name));
  }
  // Through these a Debian calls its awk.
  const choices = '/etc/alternatives';
  if (await exists(choices)) await cp(choices, join(below, choices), { recursive: true, verbatimSymlinks: true });
}

/** The files of a package as a box unpacks them. */
async function unpack(path: string, version: number, folder: string): Promise<ArchiveContent> {
  await mkdir(dirname(folder), { recursive: true, mode: 0o755 });
  const staged = openStaging(folder, 0);
  try {
    return await withPackage(path, (file) => judgePackage(file.chunks(), version, staged));
  } finally {
    staged.close();
  }
}
