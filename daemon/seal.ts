import { fingerprintsOf } from './fingerprints.ts';
import type { Tools } from './tools.ts';

/** What belongs to the updater and no release may change, by name or path: a fingerprint of each. */
export type Seal = Readonly<Record<string, string>>;

/** Units, configuration and pinned keys as they are now. What an operator has overridden is no offence: only changes are. */
export async function takeSeal({ box, places, config }: Pick<Tools, 'box' | 'places' | 'config'>): Promise<Seal> {
  const { trusted_keys_path, builder_keys_path, tuf_root_path } = (await config()).values;
  return {
    ...(await box.ownUnits()),
    ...(await fingerprintsOf(places.config)),
    ...(await fingerprintsOf(places.at(trusted_keys_path).replace(/\/+$/, ''))),
    ...(await fingerprintsOf(places.at(builder_keys_path).replace(/\/+$/, ''))),
    ...(await fingerprintsOf(places.at(tuf_root_path))),
  };
}

/** What is another than before, was added or is gone; by name. */
export function brokenSeal(before: Seal, now: Seal): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...names].filter((name) => before[name] !== now[name]).sort();
}
