/**
 * Why the box does not update now, or would: every condition is a row that says what it found and what it wants. The
 * page, `opq-updater why` and the log show these words. A new gate is a row in one of the three files.
 */
import { errorCodes } from '../../protocol/error-codes.ts';
import { UpdateError } from '../../protocol/errors.ts';
import type { Gate, Initiator } from '../../protocol/views.ts';
import { boxRows } from './box-rows.ts';
import type { GateFacts, Row, Rows } from './gate.ts';
import { releaseRows } from './release-rows.ts';
import { timeRows } from './time-rows.ts';

export const gateRows: Rows = { ...boxRows, ...timeRows, ...releaseRows };

/** Every gate as it is now; `since` is for whoever looks more than once. */
export function lookAtGates(facts: GateFacts): Gate[] {
  return Object.entries(gateRows).map(([name, row]) => {
    const { value, limit, closed, untilMs = overruledAtMs(row, facts) } = row.look(facts);
    const fault = closed ? { code: closed[0], message: closed[1], todo: errorCodes[closed[0]].todo } : null;
    return {
      name,
      open: fault === null,
      soft: row.yields !== 'nobody',
      overruled: fault !== null && (overruledAtMs(row, facts) ?? Number.POSITIVE_INFINITY) <= facts.nowMs,
      value,
      limit,
      fault,
      since: null,
      until: fault === null || untilMs === undefined ? null : new Date(untilMs).toISOString(),
    };
  });
}

/** A condition that held updates back for too long holds them no more: a broken sensor is no reason to grow old. */
function overruledAtMs({ yields }: Row, { heldSinceMs, config }: GateFacts): number | undefined {
  if (yields !== 'time' || heldSinceMs === null) return undefined;
  return heldSinceMs + config.values.max_deferral_s * 1000;
}

/** The gates that hold this update back; `retry` = a person takes a quarantined release on purpose. */
export function closedGates(gates: readonly Gate[], by: Initiator, retry: boolean): Gate[] {
  return gates.filter(({ open, soft, overruled, name }) => {
    if (open || (name === 'quarantine' && retry)) return false;
    return by === 'schedule' ? !overruled : !soft;
  });
}

/** The first of them, as an error. */
export function closedGate(gates: readonly Gate[], by: Initiator, retry: boolean): UpdateError | undefined {
  const fault = closedGates(gates, by, retry)[0]?.fault;
  return fault ? new UpdateError(fault.code, fault.message) : undefined;
}

/** A gate that opens when it likes is looked at again this often. */
const lookAgainMs = 15 * 60_000;

/**
 * When the schedule should try again what these gates hold back.
 * @returns wall clock, ms; undefined when one of them waits for something else than time
 */
export function openAgainMs(held: readonly Gate[], nowMs: number): number | undefined {
  const times = held.map(({ name, until }) => {
    if (gateRows[name]?.yields === 'time') return nowMs + lookAgainMs;
    return until === null ? Number.POSITIVE_INFINITY : Date.parse(until);
  });
  const last = Math.max(...times);
  return Number.isFinite(last) ? last : undefined;
}
