/** What may hold an update back: a table. Each row looks at the facts and says whether it is open, and why not. */
import type { LoadedConfig } from '../protocol/config.ts';
import { describeProblem } from '../protocol/config.ts';
import { type ErrorCode, errorCodes, UpdateError } from '../protocol/errors.ts';
import type { Gate, Initiator } from '../protocol/views.ts';
import type { Offer } from './facts.ts';
import type { Quarantined } from './quarantine.ts';
import { mib } from './space.ts';

export interface GateFacts {
  readonly config: LoadedConfig;
  readonly keys: number;
  /** What would be installed; null = nothing is known to be on offer. */
  readonly offer: Pick<Offer, 'version' | 'sizeBytes' | 'hardware' | 'sha256'> | null;
  readonly floor: number;
  readonly quarantine: readonly Quarantined[];
  readonly hardware: string | null;
  /** Bytes that the download folder's file system has. */
  readonly freeBytes: number;
  /** Wall clock, ms. */
  readonly nowMs: number;
  /** Wall clock until which failures hold updates back, ms; 0 = they do not. */
  readonly backOffUntilMs: number;
}

type Look = { readonly value: string; readonly limit: string; readonly closed?: readonly [ErrorCode, string] };
interface Row {
  /** True: a person may go through it. */
  readonly soft: boolean;
  look(facts: GateFacts): Look;
}

/** A package, its decoded archive and its files: so much more than the package itself, measured on real ones. */
const spaceFactor = 8;

const rows: Readonly<Record<string, Row>> = {
  configuration: {
    soft: false,
    look({ config: { problems } }) {
      const [first] = problems;
      const look = { value: `${problems.length} problems`, limit: 'none' };
      return first ? { ...look, closed: ['CONFIG_INVALID', `${describeProblem(first)}.`] } : look;
    },
  },
  keys: {
    soft: false,
    look({ keys }) {
      const look = { value: `${keys} pinned`, limit: 'one or more' };
      return keys > 0 ? look : { ...look, closed: ['NO_TRUSTED_KEYS', 'No usable key is pinned on this box.'] };
    },
  },
  window: {
    soft: true,
    look({ config, nowMs }) {
      const { window } = config.values;
      const time = new Date(nowMs).toTimeString().slice(0, 5);
      const look = { value: time, limit: window ?? 'always' };
      if (window === null || isWithin(time, window)) return look;
      return {
        ...look,
        closed: ['GATE_CLOSED', `It is ${time}; the box installs by itself from ${window.replace('-', ' to ')}.`],
      };
    },
  },
  retries: {
    soft: true,
    look({ backOffUntilMs, nowMs }) {
      const until = new Date(backOffUntilMs).toISOString().slice(0, 16).replace('T', ' ');
      if (backOffUntilMs <= nowMs) return { value: 'no wait', limit: 'none' };
      return {
        value: `until ${until}`,
        limit: 'none',
        closed: ['BACK_OFF', `After failures the box waits until ${until} UTC.`],
      };
    },
  },
  floor: {
    soft: false,
    look({ offer, floor }) {
      const look = { value: offer ? String(offer.version) : 'nothing offered', limit: `${floor} or more` };
      if (!offer || offer.version >= floor) return look;
      const message = `The server offers ${offer.version}, the lowest that this box accepts is ${floor}.`;
      return { ...look, closed: ['DOWNGRADE_REFUSED', message] };
    },
  },
  hardware: {
    soft: false,
    look({ offer, hardware }) {
      const fits = offer?.hardware?.join(', ') ?? 'any';
      const look = { value: hardware ?? 'unknown', limit: fits };
      if (!offer?.hardware || offer.hardware.includes(hardware ?? '')) return look;
      return {
        ...look,
        closed: ['HARDWARE_MISMATCH', `The release is for ${fits}, this box is ${hardware ?? 'unknown'}.`],
      };
    },
  },
  quarantine: {
    soft: false,
    look({ offer, quarantine }) {
      const bad = quarantine.find(
        ({ version, sha256 }) => version === offer?.version && (offer.sha256 ?? sha256) === sha256,
      );
      const look = { value: `${quarantine.length} releases`, limit: 'not the one offered' };
      if (!bad) return look;
      const message = `The release ${bad.version} failed on this box on ${bad.at.slice(0, 10)} (${bad.code}).`;
      return { ...look, closed: ['QUARANTINED', message] };
    },
  },
  space: {
    soft: false,
    look({ config, offer, freeBytes }) {
      const needed = (offer?.sizeBytes ?? 0) * spaceFactor + config.values.reserve_bytes;
      const look = { value: `${mib(freeBytes)} free`, limit: `${mib(needed)} or more` };
      if (freeBytes >= needed) return look;
      return {
        ...look,
        closed: ['DISK_FULL', `The update needs ${mib(needed)} with its reserve, found ${mib(freeBytes)} free.`],
      };
    },
  },
};

/** Every gate as it is now. */
export function lookAtGates(facts: GateFacts): Gate[] {
  return Object.entries(rows).map(([name, { soft, look }]) => {
    const { value, limit, closed } = look(facts);
    const fault = closed ? { code: closed[0], message: closed[1], todo: errorCodes[closed[0]].todo } : null;
    return { name, open: fault === null, soft, value, limit, fault };
  });
}

/**
 * The first gate that holds this update back.
 * @param retry a person takes a quarantined release on purpose
 */
export function closedGate(gates: readonly Gate[], by: Initiator, retry: boolean): UpdateError | undefined {
  const holds = ({ open, soft, name }: Gate) =>
    !open && !(soft && by !== 'schedule') && !(name === 'quarantine' && retry);
  const fault = gates.find(holds)?.fault;
  return fault ? new UpdateError(fault.code, fault.message) : undefined;
}

/** Whether a time of day is in a window, which may go over midnight; one that ends where it begins is a whole day. */
function isWithin(time: string, window: string): boolean {
  const [from = '', to = ''] = window.split('-');
  return from < to ? from <= time && time < to : from <= time || time < to;
}
