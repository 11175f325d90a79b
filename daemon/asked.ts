import type { Config } from '../protocol/config-keys.ts';
import { UpdateError } from '../protocol/errors.ts';
import type { IndexTrust } from './channel/attended.ts';
import type { Asked } from './channel/channel.ts';
import { readFloor } from './floor.ts';
import { usableKeyPems } from './keys.ts';
import { networkOf } from './network.ts';
import type { Resident } from './tools.ts';

type Parts = Pick<Resident, 'config' | 'places' | 'clock' | 'box'>;

/** Where releases come from, as configured; null = from nowhere. */
export const serverOf = ({ channel, attended_url, server_url }: Config): string | null =>
  channel === 'attended' ? (attended_url ?? server_url) : server_url;

/** Whom the channel of this box asks, and what it judges the answer by. @throws UpdateError CONFIG_INVALID */
export async function askedOf(tools: Parts): Promise<Asked> {
  const { config, places } = tools;
  const { values } = await config();
  const { channel, version_file: versionFile } = values;
  const url = serverOf(values);
  if (url === null) throw new UpdateError('CONFIG_INVALID', 'server_url is not set.');
  return { channel, url, versionFile, network: networkOf(values, places, url), trust: await trustOf(tools) };
}

/** What a component index is judged by on this box. */
export async function trustOf({ config, places, clock, box }: Parts): Promise<IndexTrust> {
  const { values } = await config();
  return {
    keyPems: await usableKeyPems(places, values, 'trusted_keys_path'),
    hardware: values.hardware ?? (await box.identity()).hardware,
    // A clock that nobody has set yet: it is not earlier than the release that runs.
    nowS: Math.max(Math.floor(clock.now() / 1000), await readFloor(places, values)),
  };
}
