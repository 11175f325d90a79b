/** What the daemon shows of itself: the shapes of its answers, snake_case as they go over the socket. */
import type { UploadView } from './box-views.ts';
import type { ChannelName } from './channel-keys.ts';
import type { ErrorCode } from './error-codes.ts';

/** The steps of an update, in the order in which people see them. */
export const updateSteps = [
  'download',
  'verify',
  'unpack',
  'snapshot',
  'stop',
  'install',
  'reboot',
  'confirm',
  'undo',
  'rollback',
  'restored',
] as const;
export type UpdateStep = (typeof updateSteps)[number];

export interface Fault {
  readonly code: ErrorCode;
  readonly message: string;
  readonly todo: string;
}

/** What the server has for this box. Unverified: it says what could be fetched, never what to run. */
export interface Available {
  readonly version: number;
  /** Of the components that run here, those that are newer: name to [new, current]. */
  readonly upgrades: Readonly<Record<string, readonly [string, string]>>;
  readonly size_bytes: number | null;
  readonly hardware: readonly string[] | null;
  readonly notes: string | null;
}

export interface Gate {
  readonly name: string;
  readonly open: boolean;
  /** True: a person may override it. */
  readonly soft: boolean;
  /** True: closed, but for so long that it holds the schedule back no more. */
  readonly overruled: boolean;
  readonly value: string;
  readonly limit: string;
  /** Why it is closed; null while open. */
  readonly fault: Fault | null;
  /** Since when the daemon sees it closed; null while open. */
  readonly since: string | null;
  /** When it opens by itself, or holds the schedule back no more; null = nobody can tell. */
  readonly until: string | null;
}

/** A person's wish that the box does not update by itself for a while. */
export interface PostponementView {
  readonly reason: string;
  readonly since: string;
  readonly until: string;
}

export interface StepView {
  readonly name: UpdateStep;
  readonly state: 'done' | 'now' | 'to do' | 'failed';
  /** Seconds so far, by the monotonic clock; null before it began. */
  readonly seconds: number | null;
}

export interface Progress {
  readonly done: number;
  readonly total: number | null;
  readonly unit: 'bytes' | 'percent' | 'seconds';
  readonly bytes_per_s: number | null;
  /** What the install script says of itself, or what is waited for. */
  readonly text: string | null;
}

export interface UpdateView {
  readonly id: string;
  readonly from: number | null;
  readonly to: number;
  readonly by: Initiator;
  readonly started_at: string;
  /** Kind and fingerprint of the key; null until the signature held. */
  readonly signed_by: string | null;
  readonly step: UpdateStep | 'stuck';
  readonly steps: readonly StepView[];
  readonly progress: Progress | null;
  readonly because: Fault | null;
  /** True while nothing has been changed and `cancel` works. */
  readonly cancellable: boolean;
}

export type Initiator = 'schedule' | 'person' | 'file';
export type Outcome = 'confirmed' | 'rolled back' | 'undone' | 'refused' | 'held back' | 'failed' | 'cancelled';

export interface HistoryEntry {
  readonly id: string;
  readonly from: number | null;
  readonly to: number;
  readonly by: Initiator;
  readonly outcome: Outcome;
  /** Why it was not confirmed; null when it was. */
  readonly because: Fault | null;
  /** The step in which it failed, or the last one. */
  readonly step: UpdateStep;
  readonly started_at: string;
  readonly ended_at: string;
  /** Fingerprint and kind of the key that signed it; null when it was not verified. */
  readonly signed_by: string | null;
  /** Seconds from the stop of the services until they were seen running again; null when they were not stopped. */
  readonly outage_s: number | null;
  readonly seconds: Readonly<Partial<Record<UpdateStep, number>>>;
  /** Power cuts on its way: the step, and how many seconds in; null = not known. */
  readonly cuts: readonly { readonly step: UpdateStep; readonly into_s: number | null }[];
  /** Boot in which it ended. */
  readonly boot_id: string;
  /** False: its times may be years off, as nobody had told the box the time. */
  readonly clock_known: boolean;
  /** Last lines of the install script. */
  readonly script_tail: readonly string[];
  /** What others had changed and an undo took away, and where a copy of it is; null when there was nothing. */
  readonly kept_aside: { readonly folder: string; readonly paths: PathList } | null;
}

/** Paths of the box; a name that is no UTF-8 shows as well as it can. */
export interface PathList {
  readonly count: number;
  /** The first of them, at most 200. */
  readonly first: readonly string[];
}

/** What an undo would do, as the box is now. */
export interface UndoView {
  /** Of the update that it takes back. */
  readonly id: string;
  /** True: the release is on trial, so its folders become what they were, whoever changed them. */
  readonly whole: boolean;
  readonly from: number | null;
  /** The version that it goes back to; null = none was readable. */
  readonly to: number | null;
  /** What becomes what it was before the update. */
  readonly restore: PathList;
  /** Of that, what others changed since: a copy is kept aside. */
  readonly keep_aside: PathList;
  /** What others changed and stays as it is. */
  readonly leave: PathList;
  readonly need_bytes: number;
}

/** Medians of the confirmed updates of this box, seconds. */
export interface Expected {
  readonly updates: number;
  readonly seconds: Readonly<Partial<Record<UpdateStep, number>>>;
  /** All steps together. */
  readonly total_s: number;
  readonly outage_s: number | null;
}

export interface Status {
  /** Grows with every change; a later snapshot has a larger one (within one run of the daemon). */
  readonly seq: number;
  readonly at: string;
  readonly box: {
    readonly name: string;
    readonly kind: 'systemd' | 'scratch';
    readonly hardware: string | null;
    /** As the maker names it; null when it cannot be told. */
    readonly model: string | null;
  };
  /** False: the clock of the box may be years off, and with it every time shown. */
  readonly clock_known: boolean;
  readonly boot_id: string;
  readonly updater_version: string;
  /** The file that runs: the factory copy below /usr/lib, or a version that a release brought. */
  readonly updater_program: string;
  readonly server_url: string | null;
  readonly channel: ChannelName;
  readonly installed: number | null;
  /** `idle` only when nothing is under way and the box is whole. */
  readonly state: 'idle' | 'checking' | UpdateStep | 'stuck';
  readonly update: UpdateView | null;
  readonly available: Available | null;
  /** Kind and fingerprint of the key that signed it, from an earlier try of this box; null = not verified here yet. */
  readonly available_signed_by: string | null;
  readonly last_check: { readonly at: string; readonly fault: Fault | null } | null;
  readonly next_check_at: string | null;
  readonly last_update: HistoryEntry | null;
  /** The newest update that was confirmed; null when none was, or it is forgotten. */
  readonly last_confirmed: Pick<HistoryEntry, 'to' | 'ended_at' | 'boot_id' | 'clock_known'> | null;
  /** How long updates took on this box; null before the first one was confirmed. */
  readonly expected: Expected | null;
  /** A package that a person brings; null when there is none. */
  readonly upload: UploadView | null;
  /** The release that an undo would put back; null when there is none. */
  readonly previous: number | null;
  readonly gates: readonly Gate[];
  readonly postponed: PostponementView | null;
  /** What needs a person: bad configuration, no keys, first installation, stuck. */
  readonly warnings: readonly Fault[];
}

export interface KeyView {
  readonly name: string;
  /** Releases and component indexes, or what is put together on demand. */
  readonly signs: 'releases' | 'builds';
  readonly kind: string | null;
  readonly fingerprint: string | null;
  /** Why this file is not used; null when it is. */
  readonly fault: Fault | null;
  /** The release that brought it; null = pinned on this box by hand. */
  readonly added_by: number | null;
  /** The release that retired it, for ever; null = it counts. */
  readonly retired_by: number | null;
}

export interface ConfigView {
  readonly path: string;
  readonly problems: readonly { readonly key: string; readonly expected: string; readonly found: string }[];
  readonly keys: readonly {
    readonly key: string;
    readonly value: unknown;
    readonly source: 'file' | 'settings' | 'default';
    readonly default: unknown;
    readonly meaning: string;
  }[];
}

/** One thing that an update needs, as `doctor` finds it. */
export interface CheckUp {
  readonly name: string;
  readonly ok: boolean;
  readonly found: string;
  /** What to do about it; null while it is well. */
  readonly todo: string | null;
}

export interface LogLine {
  readonly at: string;
  readonly level: 'info' | 'warn' | 'error';
  readonly text: string;
}
