import type { ListedContent } from './archive.ts';
import { installScriptName, updateJsonName, versionFileName } from './archive-content.ts';
import { componentDigest, type TreeRow } from './component.ts';
import type { Component, ComponentIndex, VerifiedIndex } from './component-index.ts';
import { UpdateError } from './errors.ts';
import { misfits } from './misfits.ts';
import type { UpdateJson } from './update-json.ts';
import { updaterProgram } from './updater.ts';
import { quote } from './version.ts';

/**
 * An update built on demand: a package like any other, but for its signature, which is that of a builder. Its top
 * folder holds a folder for each component, named as the component, and the files below; nothing else.
 */
export const defaultsName = 'defaults.json';

const ownFiles: readonly string[] = [versionFileName, installScriptName, updateJsonName, defaultsName];

/** Component that holds the updater itself. */
const updaterComponent = 'updater';

/** How a component is taken away: by the script that it brought, which the box lays here for the image that comes without it. */
export const removerName = 'remove.sh';
export const removersFolder = '.removed';

/**
 * How an image is installed: each component by the install.sh that it brings, signed with it. The same text is in every
 * image, for boxes that know nothing of builders; one that does runs its own copy of it.
 */
export const attendedInstallScript = `#!/bin/sh
# Installs an update that was built on demand: each component by its own install.sh.
set -eu
cd "$(dirname "$0")"
for gone in ${removersFolder}/*.sh; do
  [ -f "$gone" ] || continue
  echo "removing $(basename "$gone" .sh)"
  sh "$gone"
done
for folder in */; do
  [ -f "\${folder}install.sh" ] || continue
  echo "installing \${folder%/}"
  (cd "$folder" && sh ./install.sh)
done
`;

/** What an image says of itself; the proof allows no more. */
export function attendedUpdateJson(
  hardware: string,
  components: readonly NamedVersion[],
  bringsUpdater: boolean,
): UpdateJson {
  const byName = [...components].sort((a, b) => (a.name < b.name ? -1 : 1));
  const updater = byName.find(({ name }) => name === updaterComponent);
  return {
    hardware: [hardware],
    components: Object.fromEntries(byName.map(({ name, version }) => [name, version])),
    ...(bringsUpdater && updater ? { updater: { version: updater.version, path: updaterComponent } } : {}),
  };
}

/** True for the file that makes a component bring a new updater. */
export const isUpdaterProgram = (component: string, file: string): boolean =>
  component === updaterComponent && file === updaterProgram;

type NamedVersion = Pick<Component, 'name' | 'version'>;

/** An image of which every component was found in the signed index: made by `proveImage` alone. */
export interface ProvenImage {
  readonly components: readonly Component[];
  /** There is a defaults.json, which nobody but the builder vouches for. */
  readonly hasDefaults: boolean;
}

/**
 * Proves an image against the index that was signed offline. Its signature by a builder's key has been checked before;
 * that key vouches for nothing but which components were chosen.
 * @param content as `readArchive` found it
 * @param sha256Of of the content of a file, hex, by its name below the top folder
 * @throws UpdateError COMPONENT_REFUSED | HARDWARE_MISMATCH
 */
export function proveImage(
  content: ListedContent,
  sha256Of: (name: string) => string,
  index: VerifiedIndex,
  hardware: string,
): ProvenImage {
  const { components, ...said } = mustSayNoMore(content.updateJson);
  if (!said.hardware?.includes(hardware)) {
    throw new UpdateError(
      'HARDWARE_MISMATCH',
      `The image is for ${quote(said.hardware?.join(', ') ?? 'nothing')}, this is ${hardware}.`,
    );
  }
  const trees = treesOf(content, sha256Of);
  const missing = Object.keys(components).find((name) => !trees.has(name));
  if (missing !== undefined) throw refused(missing, 'is missing, though update.json names it');
  const found = [...trees].map(([name, rows]) =>
    mustBeListed(index, {
      name,
      version: components[name],
      sha256: componentDigest(rows),
      hardware,
      release: content.version,
    }),
  );
  const [complaint] = misfits(found);
  if (complaint !== undefined) throw new UpdateError('COMPONENT_REFUSED', `${complaint}.`);
  const { updater } = said;
  if (updater && (updater.path !== updaterComponent || updater.version !== components[updaterComponent])) {
    throw refused(updater.path, 'is named as the updater, and is not that component');
  }
  return { components: found, hasDefaults: content.entries.some(({ name }) => name === defaultsName) };
}

/** A builder may not name services, paths or notes: what these do on a box is the publisher's word. */
function mustSayNoMore(updateJson: UpdateJson | undefined): UpdateJson & { components: Record<string, string> } {
  const { components, hardware, updater, ...more } = updateJson ?? {};
  const [key] = Object.keys(more);
  if (key !== undefined) throw refused(updateJsonName, `says ${quote(key)}, which is not for a builder to say`);
  if (components === undefined) throw refused(updateJsonName, 'does not name the components');
  return { components, hardware, updater };
}

function treesOf({ entries }: ListedContent, sha256Of: (name: string) => string): Map<string, TreeRow[]> {
  const trees = new Map<string, TreeRow[]>();
  for (const { kind, name, mode, sizeBytes } of entries) {
    const slash = name.indexOf('/');
    const top = slash < 0 ? name : name.slice(0, slash);
    if (slash < 0 && kind === 'file') {
      if (!ownFiles.includes(name)) throw refused(name, 'belongs to no component');
      continue;
    }
    const rows = trees.get(top) ?? [];
    trees.set(top, rows);
    if (slash < 0) continue;
    rows.push({ kind, name: name.slice(slash + 1), mode, sizeBytes, sha256: kind === 'file' ? sha256Of(name) : '' });
  }
  return trees;
}

interface Found {
  readonly name: string;
  readonly version: string | undefined;
  readonly sha256: string;
  readonly hardware: string;
  readonly release: number;
}

function mustBeListed({ components }: ComponentIndex, found: Found): Component {
  if (found.version === undefined) throw refused(found.name, 'is there, and update.json does not name it');
  const entry = components.find(
    ({ name, version, sha256, hardware, release }) =>
      name === found.name &&
      version === found.version &&
      sha256 === found.sha256 &&
      hardware.includes(found.hardware) &&
      release <= found.release,
  );
  if (entry) return entry;
  throw refused(found.name, `${found.version} (${found.sha256.slice(0, 12)}) is not in the signed index for this box`);
}

const refused = (name: string, what: string) =>
  new UpdateError('COMPONENT_REFUSED', `${quote(name, 255)} in the image ${what}.`);
