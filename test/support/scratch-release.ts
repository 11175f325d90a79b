import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type KeyFiles, makePackage, type PackageFiles } from './packages.ts';

export const service = 'box-config-daemon.service';
const folder = 'usr/local/box-config-daemon';
const unitFolder = 'etc/systemd/system';

/** Lines that a release's script runs at three points: before it changes anything, half-way, and at its end. */
export interface ScriptLines {
  readonly begin?: string;
  /** The old files are gone, of the new ones there is nothing. */
  readonly middle?: string;
  readonly end?: string;
}

export interface Release {
  readonly version: number;
  /** Everything of it on a box: path without the first slash to content; see `readTree`. */
  readonly tree: Readonly<Record<string, string>>;
  /** Everything of it in its package. */
  readonly files: Readonly<Record<string, string>>;
}

interface Make {
  readonly script?: ScriptLines;
  /** What the service does: by default it says who it is and stays. */
  readonly program?: string;
  /** More files of the component, by name. */
  readonly data?: Readonly<Record<string, string>>;
  readonly updateJson?: object;
  /** More files of the package, by name. */
  readonly files?: Readonly<Record<string, string>>;
}

const staying = (version: number) => `#!/bin/sh
echo "$$ ${version}" >"$OPQ_BOX_ROOT/run/box-config-daemon"
exec sleep 1000000
`;

/** Text that does not get smaller when it is packed. */
export const noise = (bytes: number): string =>
  randomBytes(bytes >> 1)
    .toString('hex')
    .slice(0, bytes);

/** A line of a script that holds it up: it says that it is here, and goes on once `var/go` is there. */
export const held = 'touch "$OPQ_BOX_ROOT/var/held"; until [ -e "$OPQ_BOX_ROOT/var/go" ]; do sleep 0.1; done';

/** A realistic release: a service with its unit, and a script that puts the one in the place of the other. */
export function release(
  version: number,
  { script = {}, program = staying(version), data = {}, updateJson, files = {} }: Make = {},
): Release {
  const unit = `[Service]\nExecStart=/${folder}/run.sh\nRestart=on-failure\n[Install]\nWantedBy=multi-user.target\n`;
  const component = { 'run.sh': program, 'about.txt': `release ${version}\n`, ...data };
  const install = `#!/bin/bash
set -e
target="$OPQ_BOX_ROOT/${folder}"
${script.begin ?? ''}
rm -rf "$target"
mkdir "$target"
${script.middle ?? ''}
cp -R box-config-daemon/. "$target"
cp ${service} "$OPQ_BOX_ROOT/${unitFolder}/${service}"
cp VERSION "$target/VERSION"
${script.end ?? ''}
`;
  const below = (prefix: string) =>
    Object.fromEntries(Object.entries(component).map(([name, text]) => [`${prefix}/${name}`, text]));
  return {
    version,
    tree: {
      ...below(folder),
      [`${folder}/VERSION`]: `${version}\n`,
      [`${unitFolder}/${service}`]: unit,
      [`${unitFolder}/multi-user.target.wants/${service}`]: `-> ../${service}`,
    },
    files: {
      'install_update.sh': install,
      [service]: unit,
      ...below('box-config-daemon'),
      ...files,
      ...(updateJson ? { 'update.json': JSON.stringify(updateJson) } : {}),
    },
  };
}

/** Packs and signs it into a folder. */
export async function pack(dir: string, { version, files }: Release, key: KeyFiles): Promise<PackageFiles> {
  await mkdir(dir, { recursive: true });
  return makePackage(dir, { version, files, key });
}

/** Puts a release on a box that does not run yet. */
export function writeTree(root: string, tree: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(tree)) {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    if (content.startsWith('-> ')) symlinkSync(content.slice(3), path);
    else writeFileSync(path, content, { mode: name.endsWith('.sh') ? 0o755 : 0o644 });
  }
}

/** Files and links below some folders, byte for byte: path to content, or `-> ` and where a link leads. */
export function readTree(root: string, folders: readonly string[]): Record<string, string> {
  const tree: Record<string, string> = {};
  const walk = (name: string) => {
    const path = join(root, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory()) for (const inner of readdirSync(path).sort()) walk(`${name}/${inner}`);
    else if (stat?.isSymbolicLink()) tree[name] = `-> ${readlinkSync(path)}`;
    else if (stat) tree[name] = readFileSync(path, 'latin1');
  };
  for (const name of folders) walk(name);
  return tree;
}
