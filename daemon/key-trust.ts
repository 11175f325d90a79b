/**
 * What links of the publisher's chain added to and took from the pinned keys. It lies beside them, where no release may
 * write: no snapshot holds it and no undo touches it, so a key that was retired stays so.
 */
import { join } from 'node:path';
import type { Config } from '../protocol/config-keys.ts';
import { UpdateError } from '../protocol/errors.ts';
import { noLinks, type Trust, trustSchema } from '../protocol/key-chain.ts';
import * as s from '../protocol/schema.ts';
import { makeFolder, readIfThere, writeFileSafely } from './files.ts';
import type { Places } from './places.ts';

const keysFolder = (places: Places, config: Config): string => places.at(config.trusted_keys_path);

const trustFile = (places: Places, config: Config) => join(keysFolder(places, config), 'followed.json');

/**
 * Where it cannot be read, the keys pinned by hand count, also one that was retired: a box that nobody can reach must
 * not lose its last key to a rotten sector, and the next release brings the whole chain again.
 * @returns with `error`, to be shown as a warning
 */
export async function readTrust(places: Places, config: Config): Promise<{ trust: Trust; error?: UpdateError }> {
  const file = trustFile(places, config);
  try {
    const text = await readIfThere(file);
    return { trust: text === undefined ? noLinks : s.parse(trustSchema, JSON.parse(text)) };
  } catch (cause) {
    // No folder, no keys: that is said elsewhere.
    if ((cause as NodeJS.ErrnoException).code === 'ENOTDIR') return { trust: noLinks };
    const message = `${file} cannot be read, so only the keys pinned by hand count.`;
    return { trust: noLinks, error: new UpdateError('KEYS_REFUSED', message, { cause }) };
  }
}

/** Whole or not at all across a power cut. */
export async function saveTrust(places: Places, config: Config, trust: Trust): Promise<void> {
  await makeFolder(keysFolder(places, config), 0o755);
  await writeFileSafely(trustFile(places, config), `${JSON.stringify(trust, null, 1)}\n`, 0o644);
}
