import { join } from 'node:path';
import type { Config } from '../protocol/config-keys.ts';
import { UpdateError } from '../protocol/errors.ts';
import type { IndexTrust } from './channel/attended.ts';
import type { Asked } from './channel/channel.ts';
import type { TufFolder } from './channel/tuf-folder.ts';
import { readFloor } from './floor.ts';
import { usableKeyPems } from './keys.ts';
import { networkOf } from './network.ts';
import type { Places } from './places.ts';
import type { Resident } from './tools.ts';

type Parts = Pick<Resident, 'config' | 'places' | 'clock' | 'box'>;

/** How long a box without a battery is given to learn the time. */
const patienceMs = 60_000;

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
  const time = await timeOf(tools, channel === 'tuf' ? patienceMs : 0);
  const trust = await trustOf(tools);
  const tuf = { ...tufFolderOf(places, values), ...time, hardware: trust.hardware };
  return { channel, url, versionFile, network: networkOf(values, places, url), trust, tuf };
}

/** What a component index is judged by on this box. */
export async function trustOf(tools: Parts): Promise<IndexTrust> {
  const { config, places, box } = tools;
  const { values } = await config();
  return {
    keyPems: await usableKeyPems(places, values, 'trusted_keys_path'),
    hardware: values.hardware ?? (await box.identity()).hardware,
    nowS: Math.floor((await timeOf(tools, 0)).nowMs / 1000),
  };
}

export const tufFolderOf = (places: Places, config: Config): TufFolder => ({
  dir: join(places.state, 'tuf'),
  factoryRoot: places.at(config.tuf_root_path),
});

/**
 * The time as far as this box knows it: never before the newest release that it has accepted was made, which is in its
 * version. A clock that nobody has set is waited for, but not for ever.
 */
async function timeOf({ config, places, clock, box }: Parts, waitMs: number) {
  const end = clock.monotonic() + waitMs;
  while (!(await box.clockKnown()) && clock.monotonic() < end) await clock.sleep(1000);
  const floorMs = (await readFloor(places, (await config()).values)) * 1000;
  return { nowMs: Math.max(clock.now(), floorMs), known: (await box.clockKnown()) || clock.now() < floorMs };
}
