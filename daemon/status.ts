import { shownUrl } from '../protocol/address.ts';
import { describeProblem } from '../protocol/config.ts';
import { errorCodes } from '../protocol/error-codes.ts';
import type { Fault, HistoryEntry, Status } from '../protocol/views.ts';
import { serverOf, tufFolderOf } from './asked.ts';
import { readAbout } from './box/snapshot.ts';
import { metadataHolds } from './channel/tuf-expiry.ts';
import { availableOf } from './checks.ts';
import { readComponents } from './components-on-box.ts';
import type { Daemon } from './daemon.ts';
import { expectedOf } from './expected.ts';
import { readHistory } from './history.ts';
import { keysInUse, listKeys } from './keys.ts';
import type { At } from './machine.ts';
import { postponementView } from './postponement.ts';
import { anotherBootMayHelp } from './stuck-trial.ts';
import { installedVersion } from './version-on-box.ts';

/** Everything at a glance, as it is now. */
export async function statusOf(daemon: Daemon): Promise<Status> {
  const { tools, updates, checks, schedule, uploads, seq } = daemon;
  const { box, places, clock, config } = tools;
  const { values, problems } = await config();
  const { offer } = checks;
  const url = serverOf(values);
  const installed = (await installedVersion(places, values)) ?? null;
  const keys = await listKeys(places, values);
  const { name, hardware, model } = await box.identity();
  const history = await readHistory(places);
  const confirmed = history.find(({ outcome }) => outcome === 'confirmed');
  const next = schedule.nextMs();
  const before = await readAbout(places.previous);
  const previous = before.whole === 'no' ? Number.NaN : Number(before.from);
  const { at } = updates;
  const metadata = values.channel === 'tuf' ? await metadataHolds(tufFolderOf(places, values), clock.now()) : undefined;

  const warnings: Fault[] = [
    ...problems.map((problem) => warning('CONFIG_INVALID', `Configuration: ${describeProblem(problem)}.`)),
    ...keys.flatMap(({ fault }) => fault ?? []),
    ...((await keysInUse(places, values)) > 0
      ? []
      : [warning('NO_TRUSTED_KEYS', 'No usable key is pinned on this box.')]),
    ...(metadata?.soon ? [warning('METADATA_EXPIRED', `What the publisher signed ends soon: ${metadata.found}.`)] : []),
    ...(at.step === 'stuck' ? [stuckWarning(at)] : []),
  ];
  return {
    seq,
    at: new Date(clock.now()).toISOString(),
    box: { name, kind: box.kind, hardware: values.hardware ?? hardware, model },
    clock_known: await box.clockKnown(),
    boot_id: await box.bootId(),
    updater_version: tools.updater.version,
    updater_program: tools.updater.program,
    server_url: url && shownUrl(url),
    channel: values.channel,
    installed,
    state: at.step !== 'idle' ? at.step : checks.asking ? 'checking' : 'idle',
    update: updates.view(),
    available: offer && availableOf(offer, await readComponents(places, values)),
    available_signed_by: history.find(({ to, signed_by }) => to === offer?.version && signed_by)?.signed_by ?? null,
    last_check: checks.last,
    next_check_at: next === null ? null : new Date(next).toISOString(),
    last_update: history[0] ?? null,
    last_confirmed: confirmed ? confirmedView(confirmed) : null,
    expected: expectedOf(history),
    upload: uploads.view(),
    previous: Number.isSafeInteger(previous) ? previous : null,
    gates: await daemon.gates.look(offer, 'as they last said'),
    postponed: await postponementView(tools),
    warnings,
  };
}

const confirmedView = ({ to, ended_at, boot_id, clock_known }: HistoryEntry) => ({
  to,
  ended_at,
  boot_id,
  clock_known,
});

const stuckWarning = (at: At<'stuck'>): Fault => {
  const { code, message } = at.stuckBecause;
  return warning(code, anotherBootMayHelp(at) ? `${message} The box reboots by itself to try again.` : message);
};

const warning = (code: Fault['code'], message: string): Fault => ({ code, message, todo: errorCodes[code].todo });
