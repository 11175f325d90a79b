import { Metadata, Root } from '@tufjs/models';
import { UpdateError } from '../../../protocol/errors.ts';
import { quote } from '../../../protocol/version.ts';
import { readPublicKey } from '../key-files.ts';
import { type MetadataOf, type RoleName, roleNames, specVersion } from './desk.ts';
import { keyIdOf, tufKey } from './keys.ts';

/** What a root says of a role, as it is written. */
interface Role {
  readonly keyids: string[];
  readonly threshold: number;
}

/** A root in the making: who may sign for which role. */
export interface RootPlan {
  readonly keys: Record<string, object>;
  readonly roles: Record<RoleName, Role>;
}

export const emptyPlan = (): RootPlan => ({
  keys: {},
  roles: Object.fromEntries(roleNames.map((role) => [role, { keyids: [], threshold: 1 }])) as never,
});

export const planOf = (root: MetadataOf<'root'>): RootPlan => JSON.parse(JSON.stringify(root.signed.toJSON()));

export interface Change {
  readonly add: readonly string[];
  readonly remove: readonly string[];
  /** Undefined = as it is. */
  readonly threshold: string | undefined;
}

/** @throws UpdateError NOT_FOUND, KEY_INVALID */
export async function change(
  { keys, roles }: RootPlan,
  role: RoleName,
  { add, remove, threshold }: Change,
): Promise<void> {
  const ids = new Set(roles[role].keyids);
  for (const given of remove) {
    const id = await keyIdOf(given);
    if (!ids.delete(id)) throw new UpdateError('NOT_FOUND', `The role ${role} has no key ${id}.`);
  }
  for (const path of add) {
    const key = tufKey(await readPublicKey(path));
    ids.add(key.keyID);
    keys[key.keyID] = key.toJSON();
  }
  roles[role] = { keyids: [...ids], threshold: threshold === undefined ? roles[role].threshold : Number(threshold) };
}

/** @throws UpdateError USAGE for a role that nobody could sign for */
export function rootFrom({ keys, roles }: RootPlan, version: number, expires: string): MetadataOf<'root'> {
  for (const role of roleNames) {
    const { keyids, threshold } = roles[role];
    if (Number.isInteger(threshold) && threshold >= 1 && threshold <= keyids.length) continue;
    throw new UpdateError(
      'USAGE',
      `Of the ${keyids.length} keys of ${role}, ${threshold} should sign: that cannot be.`,
    );
  }
  const used = Object.keys(keys).filter((id) => roleNames.some((role) => roles[role].keyids.includes(id)));
  const json = {
    _type: 'root',
    spec_version: specVersion,
    consistent_snapshot: true,
    version,
    expires,
    keys: Object.fromEntries(used.map((id) => [id, keys[id]])),
    roles,
  };
  return new Metadata(Root.fromJSON(JSON.parse(JSON.stringify(json))));
}

export function roleFrom(text: string): RoleName {
  const role = roleNames.find((name) => name === text);
  if (role) return role;
  throw new UpdateError('USAGE', `--role is one of ${roleNames.join(', ')}, found ${quote(text)}.`);
}
