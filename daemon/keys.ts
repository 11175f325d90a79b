import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChannelName } from '../protocol/channel-keys.ts';
import type { Config } from '../protocol/config-keys.ts';
import { faultOf } from '../protocol/control.ts';
import { UpdateError } from '../protocol/errors.ts';
import { followLinks, type Link, trustedKeys } from '../protocol/key-chain.ts';
import { type PublicKey, parsePublicKey } from '../protocol/keys.ts';
import type { KeyView } from '../protocol/views.ts';
import { exists, makeFolder, readIfThere, removeSafely, writeFileSafely } from './files.ts';
import { readTrust, saveTrust } from './key-trust.ts';
import type { Places } from './places.ts';

/** As it goes over the socket. */
export const withoutPem = ({ pem: _, ...view }: Key): KeyView => view;

type Key = KeyView & { readonly pem: string };

/** Whose keys: publishers sign releases and component indexes, builders put components together. */
export type Signers = 'trusted_keys_path' | 'builder_keys_path';

/** Whether signatures of this key count. */
export const isTrusted = ({ fault, retired_by }: KeyView): boolean => fault === null && retired_by === null;

/** Every key file in the folder of pinned keys, good or not, by name; then the keys that releases brought. */
export async function listKeys(places: Places, config: Config): Promise<Key[]> {
  const { trust, error } = await readTrust(places, config);
  const retiredBy = (key: string) => trust.retired.find(({ fingerprint }) => fingerprint === key)?.release ?? null;
  const pinned = await pinnedFiles(places, config);
  const brought = trust.added
    .map(({ name, pem, release }) => ({ ...viewOf(name, pem), added_by: release }))
    // Pinned by hand as well: then that is where it comes from.
    .filter((key) => !pinned.some(({ fingerprint }) => fingerprint === key.fingerprint));
  const unreadable = error ? [unusable('followed.json', error)] : [];
  return [...pinned, ...brought, ...unreadable].map((key) => ({
    ...key,
    retired_by: retiredBy(key.fingerprint ?? ''),
  }));
}

async function pinnedFiles(places: Places, config: Config, signers: Signers = 'trusted_keys_path'): Promise<Key[]> {
  const folder = places.at(config[signers]);
  const names = (await readdir(folder).catch(() => [] as string[])).filter((name) => name.endsWith('.pem')).sort(); // no folder: no keys
  const keys = names.map(async (file): Promise<Key> => {
    const name = file.slice(0, -'.pem'.length);
    try {
      return viewOf(name, (await readIfThere(join(folder, file))) ?? '', file);
    } catch (error) {
      return unusable(name, error, file);
    }
  });
  return (await Promise.all(keys)).map((key) => ({ ...key, signs: signed[signers] }));
}

/** Every key file in the folder of builders, good or not. They come and go by hand alone. */
export const listBuilders = (places: Places, config: Config): Promise<Key[]> =>
  pinnedFiles(places, config, 'builder_keys_path');

/** Whoever signs what: those of publishers first. */
export const allKeys = async (places: Places, config: Config): Promise<Key[]> => [
  ...(await listKeys(places, config)),
  ...(await listBuilders(places, config)),
];

const signed = { trusted_keys_path: 'releases', builder_keys_path: 'builds' } as const;
const byHand = { signs: 'releases', fault: null, added_by: null, retired_by: null } as const;

function viewOf(name: string, pem: string, file = name): Key {
  const { kind, fingerprint } = parsePublicKey(pem, file);
  return { ...byHand, name, kind, fingerprint, pem };
}

/** Also a folder or a rotten file with the name of a key must not keep the good keys from being used. */
function unusable(name: string, thrown: unknown, file = name): Key {
  const why = () => `${file} cannot be read: ${(thrown as Error).message}.`;
  const error = thrown instanceof UpdateError ? thrown : new UpdateError('KEY_INVALID', why(), { cause: thrown });
  return { ...byHand, name, kind: null, fingerprint: null, fault: faultOf(error), pem: '' };
}

/**
 * The keys that the signature of a package may be made with, pinned or brought by a release. A bad file among good
 * ones is passed over here and shown as a warning.
 * @throws UpdateError NO_TRUSTED_KEYS
 */
export async function pinnedKeyPems(
  places: Places,
  config: Config,
  channel: ChannelName = 'detached',
): Promise<string[]> {
  // There the root says whose signatures count.
  if (channel === 'tuf') return [];
  const signers = channel === 'attended' ? 'builder_keys_path' : 'trusted_keys_path';
  const good = await usableKeyPems(places, config, signers);
  if (good.length > 0) return good;
  throw new UpdateError('NO_TRUSTED_KEYS', `There is no usable key in ${places.at(config[signers])}.`);
}

export async function usableKeyPems(places: Places, config: Config, signers: Signers): Promise<string[]> {
  return (await lists[signers](places, config)).filter(isTrusted).map(({ pem }) => pem);
}

const lists = { trusted_keys_path: listKeys, builder_keys_path: listBuilders };

/** How many keys there are to trust a release by; for the channel "tuf" whether there is a root. */
export async function keysInUse(places: Places, config: Config): Promise<number> {
  if (config.channel === 'tuf') return Number(await exists(places.at(config.tuf_root_path)));
  return (await listKeys(places, config)).filter(isTrusted).length;
}

const pinnedKeys = async (places: Places, config: Config): Promise<PublicKey[]> =>
  (await pinnedFiles(places, config)).filter(({ fault }) => fault === null).map(({ pem }) => parsePublicKey(pem));

/** What the box would trust once these links were followed. @throws UpdateError KEYS_REFUSED */
async function follow(places: Places, config: Config, links: readonly Link[], release: number) {
  const pinned = await pinnedKeys(places, config);
  const { trust } = await readTrust(places, config);
  return { before: trust, pinned, trust: followLinks(trust, pinned, links, release) };
}

/** The keys that would count once these links were followed; nothing is kept of them. @throws UpdateError KEYS_REFUSED */
export async function pemsAfter(places: Places, config: Config, links: readonly Link[]): Promise<string[]> {
  const { trust, pinned } = await follow(places, config, links, 0);
  return trustedKeys(trust, pinned).map(({ key }) => key.export({ type: 'spki', format: 'pem' }).toString());
}

/** Follows the links of a release that is confirmed; again it finds nothing to do. @returns whether there was a new one */
export async function followForGood(places: Places, config: Config, links: readonly Link[], release: number) {
  const { before, trust } = await follow(places, config, links, release);
  if (trust === before) return false;
  await saveTrust(places, config, trust);
  return true;
}

/** @throws UpdateError KEY_INVALID, or NOT_PERMITTED when the name is taken by another key or the key was retired */
export async function addKey(
  places: Places,
  config: Config,
  name: string,
  pem: string,
  signers: Signers = 'trusted_keys_path',
): Promise<KeyView> {
  const key = viewOf(name, pem);
  const known = await lists[signers](places, config);
  const other = known.find(({ name: taken, fingerprint }) => taken === name && fingerprint !== key.fingerprint);
  if (other)
    throw new UpdateError(
      'NOT_PERMITTED',
      `There is another key named "${name}"; remove it first or use another name.`,
    );
  const { trust } = await readTrust(places, config);
  const gone = trust.retired.find(({ fingerprint }) => fingerprint === key.fingerprint);
  if (gone) throw new UpdateError('KEYS_REFUSED', `The release ${gone.release} retired this key, for ever.`);
  await makeFolder(places.at(config[signers]), 0o755);
  await writeFileSafely(join(places.at(config[signers]), `${name}.pem`), pem, 0o644);
  return { ...withoutPem(key), signs: signed[signers] };
}

/** @throws UpdateError NOT_FOUND */
export async function removeKey(
  places: Places,
  config: Config,
  nameOrFingerprint: string,
  signers: Signers = 'trusted_keys_path',
): Promise<string> {
  const keys = await lists[signers](places, config);
  const key = keys.find(({ name, fingerprint }) => name === nameOrFingerprint || fingerprint === nameOrFingerprint);
  if (!key) throw new UpdateError('NOT_FOUND', `No pinned key has the name or fingerprint "${nameOrFingerprint}".`);
  // Its link is not followed a second time, so it does not come back by itself.
  const { trust } = await readTrust(places, config);
  const added = trust.added.filter(({ pem }) => parsePublicKey(pem).fingerprint !== key.fingerprint);
  if (key.signs === 'releases' && added.length < trust.added.length)
    await saveTrust(places, config, { ...trust, added });
  await removeSafely(join(places.at(config[signers]), `${key.name}.pem`));
  return key.name;
}
