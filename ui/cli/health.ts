import { errorCodes } from '../../protocol/error-codes.ts';
import { type Health, healthOf, type Look } from '../../protocol/health.ts';
import type { HistoryEntry, Status } from '../../protocol/views.ts';
import { headlineOf } from '../../protocol/words.ts';

/** A box for who watches many: what of it needs a person. An update under way, or one that is held back, does not. */
export function healthOfBox(status: Status): Health {
  const { at, box, state, last_check, last_update, installed, clock_known, warnings } = status;
  const looks: Record<string, Look> = {
    Updater: { ok: state !== 'stuck', info: headlineOf(status) },
    'Installed Release': { ok: installed !== null, info: installed === null ? 'none' : String(installed) },
    'Last Update': {
      ok: !last_update || !bad.includes(last_update.outcome) || isOfNetwork(last_update),
      info: last_update
        ? `${last_update.to} ${last_update.outcome}${last_update.because ? `, ${last_update.because.code}` : ''}`
        : 'none yet',
    },
    'Update Server': {
      ok: !last_check?.fault,
      info: last_check ? (last_check.fault?.code ?? `asked at ${last_check.at}`) : 'not asked since the box started',
    },
    Clock: { ok: clock_known, info: clock_known ? 'set' : 'nobody has told the box the time' },
    Settings: { ok: warnings.length === 0, info: warnings.map(({ code }) => code).join(', ') || 'good' },
  };
  return healthOf(`OPQ Box Updater of ${box.name}`, Math.floor(Date.parse(at) / 1000), looks);
}

/** What a bad line made of an update the box tries again by itself. */
const isOfNetwork = ({ because }: HistoryEntry): boolean => because !== null && errorCodes[because.code].exit === 3;

const bad: readonly string[] = ['rolled back', 'failed', 'refused'];
