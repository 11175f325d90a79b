import { lstat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { removerName, removersFolder } from '../protocol/attended-image.ts';
import { componentNamePattern } from '../protocol/component.ts';
import type { Config } from '../protocol/config-keys.ts';
import { UpdateError } from '../protocol/errors.ts';
import * as s from '../protocol/schema.ts';
import type { Offer, VerifiedRelease } from './facts.ts';
import { exists, makeFolder, readIfThere, remove, removeSafely, write, writeFileSafely } from './files.ts';
import type { Places } from './places.ts';

const recordSchema = s.object({
  version: s.number(),
  /** SHA-256 of the package that brought them. */
  sha256: s.string(),
  /** Name to version. */
  components: s.record(s.string(), s.string()),
  /** Name to the script that takes it away again, of those that brought one. */
  removers: s.optional(s.record(s.string(s.regex(componentNamePattern)), s.string()), {}),
});

/** What the box is put together of; written by the daemon once the install script is done. */
export type ComponentsRecord = Readonly<s.Output<typeof recordSchema>>;

/** Beside VERSION, so that an undo, whoever does it, puts the former one back together with the files that it tells of. */
const fileOf = (places: Places, config: Config) =>
  join(dirname(places.at(config.installed_version_path)), 'components.json');

/** Null when nobody wrote it down, or something else did. */
export async function readComponents(places: Places, config: Config): Promise<ComponentsRecord | null> {
  const text = await readIfThere(fileOf(places, config)).catch(() => ''); // a folder is as good as none
  try {
    return s.parse(recordSchema, JSON.parse(text ?? ''));
  } catch {
    return null;
  }
}

/**
 * Where a release says nothing of components, nothing is known of them any more.
 * @param contents the unpacked top folder
 */
export async function recordComponents(
  places: Places,
  config: Config,
  version: number,
  { components, sha256 }: Pick<VerifiedRelease, 'components' | 'sha256'>,
  contents: string,
): Promise<void> {
  const file = fileOf(places, config);
  if (components !== null) {
    const removers: Record<string, string> = {};
    for (const name of Object.keys(components)) {
      const text = await readIfThere(join(contents, name, removerName)).catch(() => undefined); // no folder of that name
      if (text !== undefined) removers[name] = text;
    }
    const record: ComponentsRecord = { version, sha256, components, removers };
    await writeFileSafely(file, `${JSON.stringify(record, null, 2)}\n`, 0o644);
  } else if (await exists(file)) await removeSafely(file);
}

/** Lays what takes away the components that an image comes without where its install script looks for it. */
export async function layRemovers(
  places: Places,
  config: Config,
  { components }: Pick<VerifiedRelease, 'components'>,
  contents: string,
): Promise<void> {
  const record = await readComponents(places, config);
  const gone = Object.entries(record?.removers ?? {}).filter(([name]) => !Object.hasOwn(components ?? {}, name));
  await remove(join(contents, removersFolder));
  if (gone.length === 0) return;
  // It is run as root, so only root may have written it.
  const { uid, mode } = await lstat(fileOf(places, config));
  if (uid !== process.geteuid?.() || mode & 0o022)
    throw new UpdateError('UNSAFE_FOLDER', `${fileOf(places, config)} may be written by others.`);
  await makeFolder(join(contents, removersFolder), 0o755);
  for (const [name, text] of gone) await write(join(contents, removersFolder, `${name}.sh`), text);
}

/** True when it would be the same release of the same components, as far as the box knows. */
export function isSame(
  record: ComponentsRecord | null,
  version: number,
  components: Readonly<Record<string, string>>,
): boolean {
  if (record?.version !== version) return false;
  const names = Object.keys(components);
  return (
    names.length === Object.keys(record.components).length &&
    names.every((name) => record.components[name] === components[name])
  );
}

export const versionsOf = (components: NonNullable<Offer['components']>): Record<string, string> =>
  Object.fromEntries(components.map(({ name, version }) => [name, version]));

export const sameComponents = (version: number): UpdateError =>
  new UpdateError('SAME_COMPONENTS', `The box runs ${version} with exactly these components.`);
