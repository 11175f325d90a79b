import { lstat } from 'node:fs/promises';
import { shownUrl } from '../protocol/address.ts';
import { describeProblem } from '../protocol/config.ts';
import { errorCodes } from '../protocol/error-codes.ts';
import { asUpdateError } from '../protocol/errors.ts';
import { parsePublicKey } from '../protocol/keys.ts';
import { updaterText } from '../protocol/updater.ts';
import type { CheckUp } from '../protocol/views.ts';
import { bytesText } from '../protocol/words.ts';
import { askedOf, serverOf, tufFolderOf } from './asked.ts';
import { linkedUpdater } from './box/updater.ts';
import { metadataLook } from './channel/tuf-expiry.ts';
import type { Daemon } from './daemon.ts';
import { exists } from './files.ts';
import { isTrusted, listKeys, pinnedKeyPems } from './keys.ts';
import { inNewWorker } from './tools.ts';

/** Where install.sh has cron ask in place of the daemon's own schedule. */
const cronFile = '/etc/cron.d/opq-updater';

/** Everything that an update needs, looked at now; changes nothing and counts nothing. */
export async function examine(daemon: Daemon): Promise<CheckUp[]> {
  const checks = await Promise.all(Object.entries(table).map(([name, look]) => checked(name, () => look(daemon))));
  return [...checks, ...(await daemon.tools.box.checkUp())];
}

type Look = { readonly found: string; readonly todo?: string | undefined };

async function checked(name: string, look: () => Promise<Look>): Promise<CheckUp> {
  try {
    const { found, todo = null } = await look();
    return { name, ok: todo === null, found, todo };
  } catch (thrown) {
    const { code, message, todo } = asUpdateError(thrown);
    return { name, ok: false, found: `${code}: ${message}`, todo };
  }
}

const table: Readonly<Record<string, (daemon: Daemon) => Promise<Look>>> = {
  async configuration({ tools }) {
    const { problems } = await tools.config();
    if (problems.length === 0) return { found: 'good' };
    return { found: problems.map(describeProblem).join('; '), todo: errorCodes.CONFIG_INVALID.todo };
  },

  async updater({ tools: { updater, places } }) {
    const found = updaterText(updater.version, updater.program);
    const linked = await linkedUpdater(places.root);
    if (linked === undefined || linked === updater.version) return { found };
    return { found: `${found}, though ${linked} is installed`, todo: errorCodes.UPDATER_BROKEN.todo };
  },

  async keys({ tools: { places, config, clock } }) {
    const { values } = await config();
    if (values.channel === 'tuf') return metadataLook(tufFolderOf(places, values), clock.now());
    const keys = await listKeys(places, values);
    if (values.channel === 'attended') await pinnedKeyPems(places, values, 'attended');
    const bad = keys.filter(({ fault }) => fault !== null).map(({ name, fault }) => `${name}: ${fault?.message}`);
    if (bad.length > 0) return { found: bad.join('; '), todo: errorCodes.KEY_INVALID.todo };
    const good = keys.filter(isTrusted);
    if (good.length === 0) return { found: 'none pinned', todo: errorCodes.NO_TRUSTED_KEYS.todo };
    return { found: good.map(({ name, pem }) => `${name} (${parsePublicKey(pem).kind})`).join(', ') };
  },

  async server({ tools }) {
    const url = serverOf((await tools.config()).values);
    if (url === null) return { found: 'none set', todo: 'opq-updater config set server_url URL' };
    const offer = await inNewWorker(tools, 'latest', await askedOf(tools));
    return { found: `${shownUrl(url)} offers ${offer?.version ?? 'nothing'}` };
  },

  async clock({ tools: { box, clock } }) {
    const now = new Date(clock.now()).toISOString().slice(0, 16).replace('T', ' ');
    if (await box.clockKnown()) return { found: `${now} UTC` };
    return {
      found: `${now} UTC, not told by the network`,
      todo: 'check the network; updates go on where https allows',
    };
  },

  async space({ tools: { box, places, config } }) {
    const { download_dir_path, reserve_bytes, writable_paths } = (await config()).values;
    const needed = reserve_bytes + (await box.sizeOf(writable_paths)).bytes;
    const folders = [places.at(download_dir_path), places.state];
    const free = Math.min(...(await Promise.all(folders.map((folder) => box.freeBytes(folder)))));
    const found = `${bytesText(free)} free, ${bytesText(needed)} for the copy of the old release and the reserve`;
    return { found, todo: free < needed ? errorCodes.DISK_FULL.todo : undefined };
  },

  async services({ tools: { box, config } }) {
    const { services } = (await config()).values;
    const states = await Promise.all(services.map(async (name) => ({ name, ...(await box.service(name)) })));
    const found = states.map(({ name, state }) => `${name} ${state}`).join(', ') || 'none configured';
    const bad = states.some(({ state }) => state === 'failed' || state === 'absent');
    return { found, todo: bad ? 'look at that service, or set "services" right' : undefined };
  },

  async permissions({ tools: { places, config } }) {
    const { trusted_keys_path, builder_keys_path, download_dir_path } = (await config()).values;
    const ours = [trusted_keys_path, builder_keys_path, download_dir_path].map(places.at);
    const paths = [places.state, places.config, ...ours];
    const bad: string[] = [];
    for (const path of paths) {
      if (!(await exists(path))) continue;
      const { uid, mode } = await lstat(path);
      if (uid !== process.geteuid?.() || mode & 0o022)
        bad.push(`${path} (owner ${uid}, mode ${(mode & 0o7777).toString(8)})`);
    }
    if (bad.length === 0) return { found: 'only root writes' };
    return { found: bad.join(', '), todo: errorCodes.UNSAFE_FOLDER.todo };
  },

  async schedule({ tools: { places, config } }) {
    const { schedule, auto_install } = (await config()).values;
    const cron = await exists(places.at(cronFile));
    if (cron && schedule !== null)
      return { found: 'both the updater and cron ask', todo: '"opq-updater config set schedule null"' };
    if (!cron && schedule === null)
      return { found: 'nothing asks for updates', todo: `"opq-updater config set schedule '0 0 * * *'"` };
    return {
      found: cron ? `by cron (${cronFile})` : `${schedule}${auto_install ? '' : ', only shown, not installed'}`,
    };
  },
};
