import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileEntry, folderEntry, linkEntry, type Tree } from './tree.ts';

export const service = 'box-config-daemon.service';
const target = '/usr/local/box-config-daemon';
const units = '/etc/systemd/system';

/** What a release is made of; everything but its version has a default that works. */
export interface Recipe {
  readonly version: number;
  /** Lines of install_update.sh before it changes anything, half-way (old files gone, new ones not there), at its end. */
  readonly begin?: string;
  readonly middle?: string;
  readonly end?: string;
  /** A whole install_update.sh in place of the usual one. */
  readonly script?: string;
  /** The service's program; by default it says who it is and stays. */
  readonly program?: string;
  /** The service's unit. */
  readonly unit?: string;
  /** More files of the component, name to content. */
  readonly data?: Readonly<Record<string, string>>;
  readonly updateJson?: object;
}

/** The release that is on the box before anything is updated. */
export const factory: Recipe = { version: 1_550_190_683 };

/** Writes the folder that `opq-release build` packs. */
export async function writeContent(folder: string, recipe: Recipe): Promise<void> {
  const files = {
    ...Object.fromEntries(Object.entries(component(recipe)).map(([name, text]) => [`box-config-daemon/${name}`, text])),
    [service]: unitOf(recipe),
    'install_update.sh': recipe.script ?? usualScript(recipe),
    ...(recipe.updateJson ? { 'update.json': JSON.stringify(recipe.updateJson) } : {}),
  };
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    await chmod(path, name.endsWith('.sh') ? 0o755 : 0o644);
  }
}

/** The box as the usual script leaves it: whole new. */
export function installed(before: Tree, recipe: Recipe): Tree {
  const others = Object.entries(before).filter(([path]) => path !== target && !path.startsWith(`${target}/`));
  const tree: Record<string, string> = { ...Object.fromEntries(others), [target]: folderEntry };
  for (const [name, text] of Object.entries({ ...component(recipe), VERSION: `${recipe.version}\n` })) {
    for (let folder = dirname(name); folder !== '.'; folder = dirname(folder))
      tree[`${target}/${folder}`] = folderEntry;
    tree[`${target}/${name}`] = fileEntry(text, name.endsWith('.sh') ? '755' : '644');
  }
  tree[`${units}/${service}`] = fileEntry(unitOf(recipe), '644');
  tree[`${units}/multi-user.target.wants/${service}`] = linkEntry(`${units}/${service}`);
  return tree;
}

const component = ({ version, program, data = {} }: Recipe): Readonly<Record<string, string>> => ({
  'run.sh': program ?? `#!/bin/sh\necho "box-config-daemon ${version} runs"\nexec sleep infinity\n`,
  'about.txt': `release ${version}\n`,
  ...data,
});

const unitOf = ({ version, unit }: Recipe): string =>
  unit ??
  `[Unit]
Description=OPQ Box configuration daemon ${version}
[Service]
ExecStart=${target}/run.sh
Restart=on-failure
[Install]
WantedBy=multi-user.target
`;

/** In the manner of the scripts that the original boxes got. */
const usualScript = ({ begin = '', middle = '', end = '' }: Recipe): string => `#!/bin/bash
set -e
${begin}
mkdir -p ${target}
rm -rf ${target}/*
${middle}
cp -R box-config-daemon/. ${target}/
cp ${service} ${units}/
sudo systemctl daemon-reload
sudo systemctl enable ${service}
cp VERSION ${target}/VERSION
${end}
`;
