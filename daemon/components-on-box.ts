import { dirname, join } from 'node:path';
import * as z from 'zod';
import type { Config } from '../protocol/config-keys.ts';
import { UpdateError } from '../protocol/errors.ts';
import type { Offer, VerifiedRelease } from './facts.ts';
import { exists, readIfThere, removeSafely, writeFileSafely } from './files.ts';
import type { Places } from './places.ts';

const recordSchema = z.object({
  version: z.number(),
  /** SHA-256 of the package that brought them. */
  sha256: z.string(),
  /** Name to version. */
  components: z.record(z.string(), z.string()),
});

/** What the box is put together of; written by the daemon once the install script is done. */
export type ComponentsRecord = Readonly<z.output<typeof recordSchema>>;

/** Beside VERSION, so that an undo, whoever does it, puts the former one back together with the files that it tells of. */
const fileOf = (places: Places, config: Config) =>
  join(dirname(places.at(config.installed_version_path)), 'components.json');

/** Null when nobody wrote it down, or something else did. */
export async function readComponents(places: Places, config: Config): Promise<ComponentsRecord | null> {
  const text = await readIfThere(fileOf(places, config)).catch(() => ''); // a folder is as good as none
  try {
    return recordSchema.parse(JSON.parse(text ?? ''));
  } catch {
    return null;
  }
}

/** Where a release says nothing of components, nothing is known of them any more. */
export async function recordComponents(
  places: Places,
  config: Config,
  version: number,
  { components, sha256 }: Pick<VerifiedRelease, 'components' | 'sha256'>,
): Promise<void> {
  const file = fileOf(places, config);
  if (components !== null) {
    const record: ComponentsRecord = { version, sha256, components };
    await writeFileSafely(file, `${JSON.stringify(record, null, 2)}\n`, 0o644);
  } else if (await exists(file)) await removeSafely(file);
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
