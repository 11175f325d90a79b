import { faultOf } from '../../protocol/control.ts';
import type { ErrorCode } from '../../protocol/error-codes.ts';
import { UpdateError } from '../../protocol/errors.ts';
import {
  type Fault,
  type Gate,
  type HistoryEntry,
  type Progress,
  type Status,
  type UpdateStep,
  type UpdateView,
  updateSteps,
} from '../../protocol/views.ts';

export const oldVersion = 1550190683;
export const newVersion = 1550194283;

export const fault = (code: ErrorCode, message = 'It happened.'): Fault => faultOf(new UpdateError(code, message));

/** A box at rest that has nothing to complain about. */
export const statusWith = (changes: Partial<Status>): Status => ({
  seq: 1,
  at: '2026-03-01T10:05:00.000Z',
  box: { name: 'cellar', kind: 'systemd', hardware: 'rpi/3', model: 'Raspberry Pi 3 Model B Plus Rev 1.3' },
  clock_known: true,
  boot_id: 'boot-1',
  updater_version: '0.1.0',
  updater_program: '/usr/lib/opq-box-updater/opq-updater.js',
  server_url: 'http://updates.example/',
  channel: 'detached',
  installed: oldVersion,
  state: 'idle',
  update: null,
  available: null,
  available_signed_by: null,
  last_check: { at: '2026-03-01T10:00:00.000Z', fault: null },
  next_check_at: '2026-03-02T00:12:00.000Z',
  last_update: null,
  last_confirmed: null,
  expected: null,
  upload: null,
  previous: null,
  gates: [],
  postponed: null,
  warnings: [],
  ...changes,
});

/** A gate, closed where it has a fault. */
export const gateWith = (changes: Partial<Gate>): Gate => ({
  name: 'window',
  open: changes.fault === undefined,
  soft: true,
  overruled: false,
  value: '12:00',
  limit: 'always',
  fault: null,
  since: null,
  until: null,
  ...changes,
});

/** A box in the middle of update `u1`: the steps before `step` are done. */
export function updating(step: UpdateStep, progress: Progress | null = null): Pick<Status, 'state' | 'update'> {
  const now = updateSteps.indexOf(step);
  const update: UpdateView = {
    id: 'u1',
    from: oldVersion,
    to: newVersion,
    by: 'person',
    started_at: '2026-03-01T10:01:00.000Z',
    signed_by: null,
    step,
    steps: updateSteps.slice(0, 8).map((name, index) => ({
      name,
      state: index < now ? 'done' : index === now ? 'now' : 'to do',
      seconds: index <= now ? index + 2 : null,
    })),
    progress,
    because: null,
    cancellable: now < updateSteps.indexOf('stop'),
  };
  return { state: step, update };
}

export const entryWith = (changes: Partial<HistoryEntry>): HistoryEntry => ({
  id: 'u1',
  from: oldVersion,
  to: newVersion,
  by: 'person',
  outcome: 'confirmed',
  because: null,
  step: 'confirm',
  started_at: '2026-03-01T10:01:00.000Z',
  ended_at: '2026-03-01T10:04:00.000Z',
  signed_by: 'ECDSA P-256 ab12',
  outage_s: 14,
  seconds: { download: 12 },
  cuts: [],
  boot_id: 'boot-2',
  clock_known: true,
  script_tail: [],
  kept_aside: null,
  ...changes,
});
