import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChannelName } from '../protocol/channel-keys.ts';
import type { Config } from '../protocol/config-keys.ts';
import { faultOf } from '../protocol/control.ts';
import { UpdateError } from '../protocol/errors.ts';
import { parsePublicKey } from '../protocol/keys.ts';
import type { KeyView } from '../protocol/views.ts';
import { makeFolder, readIfThere, removeSafely, writeFileSafely } from './files.ts';
import type { Places } from './places.ts';

/** As it goes over the socket. */
export const withoutPem = ({ name, kind, fingerprint, fault }: KeyView): KeyView => ({
  name,
  kind,
  fingerprint,
  fault,
});

/** Whose keys: publishers sign releases and component indexes, builders put components together. */
export type Signers = 'trusted_keys_path' | 'builder_keys_path';

const folderOf = (places: Places, config: Config, signers: Signers = 'trusted_keys_path') => places.at(config[signers]);

/** Every key file in the folder of pinned keys, good or not, by name. */
export async function listKeys(
  places: Places,
  config: Config,
  signers?: Signers,
): Promise<(KeyView & { pem: string })[]> {
  const folder = folderOf(places, config, signers);
  const names = (await readdir(folder).catch(() => [] as string[])).filter((name) => name.endsWith('.pem')).sort(); // no folder: no keys
  return Promise.all(
    names.map(async (file) => {
      const name = file.slice(0, -'.pem'.length);
      try {
        const pem = (await readIfThere(join(folder, file))) ?? '';
        const { kind, fingerprint } = parsePublicKey(pem, file);
        return { name, kind, fingerprint, fault: null, pem };
      } catch (error) {
        return { name, kind: null, fingerprint: null, fault: faultOf(asUnusable(error, file)), pem: '' };
      }
    }),
  );
}

/** Also a folder or a rotten file with the name of a key must not keep the good keys from being used. */
function asUnusable(error: unknown, file: string): UpdateError {
  if (error instanceof UpdateError) return error;
  return new UpdateError('KEY_INVALID', `${file} cannot be read: ${(error as Error).message}.`, { cause: error });
}

/**
 * The keys that the signature of a package may be made with. A bad file among good ones is passed over here and shown as a warning.
 * @throws UpdateError NO_TRUSTED_KEYS
 */
export async function pinnedKeyPems(
  places: Places,
  config: Config,
  channel: ChannelName = 'detached',
): Promise<string[]> {
  const signers = channel === 'attended' ? 'builder_keys_path' : 'trusted_keys_path';
  const good = await usableKeyPems(places, config, signers);
  if (good.length > 0) return good;
  throw new UpdateError('NO_TRUSTED_KEYS', `There is no usable key in ${folderOf(places, config, signers)}.`);
}

export const usableKeyPems = async (places: Places, config: Config, signers: Signers): Promise<string[]> =>
  (await listKeys(places, config, signers)).flatMap(({ fault, pem }) => (fault === null ? pem : []));

/** @throws UpdateError KEY_INVALID, or NOT_PERMITTED when the name is taken by another key */
export async function addKey(places: Places, config: Config, name: string, pem: string): Promise<KeyView> {
  const { kind, fingerprint } = parsePublicKey(pem, name);
  const other = (await listKeys(places, config)).find((key) => key.name === name && key.fingerprint !== fingerprint);
  if (other)
    throw new UpdateError(
      'NOT_PERMITTED',
      `There is another key named "${name}"; remove it first or use another name.`,
    );
  await makeFolder(folderOf(places, config), 0o755);
  await writeFileSafely(join(folderOf(places, config), `${name}.pem`), pem, 0o644);
  return { name, kind, fingerprint, fault: null };
}

/** @throws UpdateError NOT_FOUND */
export async function removeKey(places: Places, config: Config, nameOrFingerprint: string): Promise<string> {
  const keys = await listKeys(places, config);
  const key = keys.find(({ name, fingerprint }) => name === nameOrFingerprint || fingerprint === nameOrFingerprint);
  if (!key) throw new UpdateError('NOT_FOUND', `No pinned key has the name or fingerprint "${nameOrFingerprint}".`);
  await removeSafely(join(folderOf(places, config), `${key.name}.pem`));
  return key.name;
}
