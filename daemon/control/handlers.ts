import { plainUrl, shownUrl } from '../../protocol/address.ts';
import type { Output } from '../../protocol/control.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { parsePublicKey } from '../../protocol/keys.ts';
import { type Input, type OperationName, operations, pageSettings } from '../../protocol/operations.ts';
import { bundleOf } from '../bundle.ts';
import { viewComponents } from '../components.ts';
import type { Daemon } from '../daemon.ts';
import { examine } from '../doctor.ts';
import { readHistory } from '../history.ts';
import { addKey, allKeys, removeKey, type Signers, withoutPem } from '../keys.ts';
import { loadConfig, setConfig, viewConfig } from '../load-config.ts';
import { networkOf } from '../network.ts';
import { setSettings, viewSettings } from '../settings.ts';
import { statusOf } from '../status.ts';
import { inNewWorker } from '../tools.ts';

/** Streams, in and out, are the server's own. */
export type Answered = Exclude<OperationName, 'events' | 'upload_put'>;
type Handlers = { readonly [K in Answered]: (input: Input<K>, daemon: Daemon) => Promise<Output[K]> };

/** What each operation does: the other half of the table in protocol/control.ts. */
export const handlers: Handlers = {
  status: (_, daemon) => statusOf(daemon),
  // With `install` like the schedule, which cron may stand in for: a person's own wish is `install`.
  check: ({ install }, daemon) => daemon.check({ install, by: 'schedule', counts: install }),
  install: (input, daemon) => daemon.install(input),
  components: (_, { tools, checks }) => viewComponents(tools, checks),
  upgrade: (input, daemon) => daemon.install(input),
  install_file: ({ path, retry, allow_downgrade }, daemon) =>
    daemon.installFile({ path, retry, allowDowngrade: allow_downgrade }),
  cancel: async (_, daemon) => ({ cancelled: daemon.updates.cancel() }),
  rollback: async (_, daemon) => ({ id: await daemon.updates.undo() }),
  gates: (_, daemon) => daemon.gates.look(daemon.checks.offer, 'asked now'),
  postpone: async ({ for_s, reason }, daemon) => ({ postponed: await daemon.postpone(for_s, reason) }),
  undo_plan: (_, daemon) => daemon.updates.lookAtUndo(),
  history: async ({ limit }, { tools }) => (await readHistory(tools.places)).slice(0, limit),
  doctor: (_, daemon) => examine(daemon),
  facts: (_, daemon) => daemon.facts(),
  bundle: (_, daemon) => bundleOf(daemon),
  settings: async (_, { tools }) => viewSettings(await tools.config()),
  async settings_set(input, daemon) {
    const { places, config, log } = daemon.tools;
    const before = (await config()).values;
    await setSettings(places, input);
    const loaded = await config();
    for (const key of pageSettings) {
      const [was, is] = [before[key], loaded.values[key]].map((value) => JSON.stringify(value));
      if (was !== is) log.info('a setting was changed on the page', { key, was, is });
    }
    daemon.schedule.apply(loaded.values);
    daemon.changed();
    return viewSettings(loaded);
  },
  upload: async (_, { uploads }) => uploads.view(),
  upload_begin: (announced, { uploads }) => uploads.begin(announced),
  upload_discard: async (_, { uploads }) => ({ discarded: await uploads.discard() }),
  upload_install: ({ version, retry }, daemon) =>
    daemon.installFile({ path: daemon.uploads.ready(version), retry, allowDowngrade: false }),
  log: ({ lines }, { tools }) => tools.log.tail(lines),

  async keys(_, { tools: { places, config } }) {
    return (await allKeys(places, (await config()).values)).map(withoutPem);
  },
  async key_fetch({ url }, { tools }) {
    const network = networkOf((await tools.config()).values, tools.places, url);
    const { pem } = await inNewWorker(tools, 'fetchKey', { url: plainUrl(url), network });
    const { kind, fingerprint } = parsePublicKey(pem, shownUrl(url));
    return { pem, kind, fingerprint };
  },
  async key_add({ name, pem, builder }, daemon) {
    needRest(daemon, 'The set of keys stays');
    const { places, config, log } = daemon.tools;
    const key = await addKey(places, (await config()).values, name, pem, signersOf(builder));
    log.warn('a key was pinned', { name, fingerprint: key.fingerprint });
    daemon.changed();
    return key;
  },
  async key_remove({ name, builder }, daemon) {
    needRest(daemon, 'The set of keys stays');
    const { places, config, log } = daemon.tools;
    const removed = await removeKey(places, (await config()).values, name, signersOf(builder));
    log.warn('a key was unpinned', { name: removed });
    daemon.changed();
    return { removed };
  },

  config: async (_, { tools: { places } }) => viewConfig(places, await loadConfig(places)),
  async config_set({ key, value }, daemon) {
    // The undo of an update on trial puts the old file back: a change now would be lost without a word.
    needRest(daemon, 'The configuration stays');
    if (daemon.updates.at.step === 'stuck')
      throw new UpdateError(
        'STUCK',
        'The configuration stays as it is: the undo that is to be finished would put it back.',
      );
    const { places, config, log } = daemon.tools;
    await setConfig(places, key, value);
    // Root's word is the last one: what the page had set would lie over it.
    const onPage = pageSettings.find((setting) => setting === key);
    if (onPage && (await config()).sources[onPage] === 'settings') await setSettings(places, { reset: [onPage] });
    log.warn('the configuration was changed', { key });
    daemon.schedule.apply((await config()).values);
    daemon.changed();
    return viewConfig(places, await config());
  },
};

const signersOf = (builder: boolean): Signers => (builder ? 'builder_keys_path' : 'trusted_keys_path');

/** A change in the middle of an update would be taken for the release's. */
function needRest({ updates }: Daemon, what: string): void {
  if (!updates.resting) throw new UpdateError('BUSY', `${what} as it is while an update runs.`);
}

/** The operation at an address, on this socket. */
export function operationAt(method: string, path: string, page: boolean): OperationName | undefined {
  const names = Object.keys(operations) as OperationName[];
  return names.find((name) => {
    const row = operations[name];
    return row.method === method && row.path === path && (row.page || !page);
  });
}
