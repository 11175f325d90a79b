import type { Bundle } from '../protocol/box-views.ts';
import type { Daemon } from './daemon.ts';
import { examine } from './doctor.ts';
import { readHistory } from './history.ts';
import { allKeys, withoutPem } from './keys.ts';
import { viewConfig } from './load-config.ts';
import { statusOf } from './status.ts';

const logLines = 2000;

/** Everything that whoever helps wants to know. */
export async function bundleOf(daemon: Daemon): Promise<Bundle> {
  const { tools, checks, gates, facts } = daemon;
  const { places, config, log, clock } = tools;
  const loaded = await config();
  const bundle: Bundle = {
    made_at: new Date(clock.now()).toISOString(),
    status: await statusOf(daemon),
    gates: await gates.look(checks.offer, 'asked now'),
    facts: await facts(),
    doctor: await examine(daemon),
    history: await readHistory(places),
    config: viewConfig(places, loaded),
    keys: (await allKeys(places, loaded.values)).map(withoutPem),
    log: await log.tail(logLines),
  };
  // None of these holds a password by itself; a script or a program of the owner may have printed one.
  return JSON.parse(JSON.stringify(bundle).replace(loginInUrl, '$1***@'));
}

/** Name and password of an address, within JSON text. */
const loginInUrl = /(:\/\/)[^\s"/@\\]+@/g;
