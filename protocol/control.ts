/**
 * What the daemon does for those who talk to it: HTTP with JSON over two unix sockets, told apart by file mode.
 * `control.sock` (0600) is root's and offers everything; `page.sock` (0660) is the page's and offers the rows
 * marked `page`. Nothing on the page's socket takes a URL, a path, a key or a script.
 *
 * A GET carries its input in the query, a POST as a JSON body of at most `maxRequestBytes`. An answer is 200 with
 * JSON, or an error status with `{code, message, todo}`. `events` and a followed `log` are streams of server-sent
 * events: first the whole truth (a `status`), then each change.
 */
import * as z from 'zod';
import { type ErrorCode, errorCodes, isErrorCode, UpdateError } from './errors.ts';
import { isReleaseVersion } from './version.ts';

export const maxRequestBytes = 64 * 1024;

interface Operation<T extends z.ZodType = z.ZodType> {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly page: boolean;
  readonly input: T;
  readonly about: string;
}
const operation = <T extends z.ZodType>(row: Operation<T>): Operation<T> => row;

const nothing = z.strictObject({});
const flag = z.boolean().default(false);
const version = z.number().refine(isReleaseVersion, 'expected a release version');
const absolutePath = z.string().max(4096).startsWith('/');

export const operations = {
  status: operation({ method: 'GET', path: '/status', page: true, input: nothing, about: 'Everything at a glance' }),
  events: operation({ method: 'GET', path: '/events', page: true, input: nothing, about: 'Stream of changes' }),
  check: operation({
    method: 'POST',
    path: '/check',
    page: true,
    input: z.strictObject({ install: flag }),
    about: 'Asks the server what is newest; with install, goes on as the schedule would',
  }),
  install: operation({
    method: 'POST',
    path: '/install',
    page: true,
    input: z.strictObject({ version: version.optional(), retry: flag }),
    about: 'Begins an update to the release that the server offers (retry: even one that failed here before)',
  }),
  install_file: operation({
    method: 'POST',
    path: '/install-file',
    page: false,
    input: z.strictObject({ path: absolutePath, retry: flag, allow_downgrade: flag }),
    about: 'Begins an update from a package and its .sig on the box',
  }),
  cancel: operation({
    method: 'POST',
    path: '/cancel',
    page: true,
    input: nothing,
    about: 'Ends the update under way while nothing has been changed yet',
  }),
  rollback: operation({
    method: 'POST',
    path: '/rollback',
    page: true,
    input: nothing,
    about: 'Puts the earlier release back',
  }),
  history: operation({
    method: 'GET',
    path: '/history',
    page: true,
    input: z.strictObject({ limit: z.coerce.number().int().min(1).max(200).default(20) }),
    about: 'Past updates, newest first',
  }),
  log: operation({
    method: 'GET',
    path: '/log',
    page: true,
    input: z.strictObject({
      lines: z.coerce.number().int().min(0).max(2000).default(100),
      follow: z.stringbool().default(false),
    }),
    about: 'Last lines of the log; with follow, a stream',
  }),
  keys: operation({ method: 'GET', path: '/keys', page: true, input: nothing, about: 'The pinned keys' }),
  key_fetch: operation({
    method: 'POST',
    path: '/keys/fetch',
    page: false,
    input: z.strictObject({ url: z.url({ protocol: /^https?$/ }).max(2000) }),
    about: 'Fetches a key for a person to compare its fingerprint; pins nothing',
  }),
  key_add: operation({
    method: 'POST',
    path: '/keys/add',
    page: false,
    input: z.strictObject({ pem: z.string().max(16_384), name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/) }),
    about: 'Pins a public key under a name',
  }),
  key_remove: operation({
    method: 'POST',
    path: '/keys/remove',
    page: false,
    input: z.strictObject({ name: z.string().min(1).max(100) }),
    about: 'Unpins a key by its name or fingerprint',
  }),
  config: operation({
    method: 'GET',
    path: '/config',
    page: false,
    input: nothing,
    about: 'Every key with its value and where that comes from, and what is wrong',
  }),
  config_set: operation({
    method: 'POST',
    path: '/config/set',
    page: false,
    input: z.strictObject({ key: z.string().max(100), value: z.json() }),
    about: 'Writes one key of the configuration file (null with an optional key removes it)',
  }),
} as const;

export type OperationName = keyof typeof operations;
export type Input<K extends OperationName> = z.output<(typeof operations)[K]['input']>;

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
  readonly size_bytes: number | null;
  readonly hardware: readonly string[] | null;
  readonly notes: string | null;
}

export interface Gate {
  readonly name: string;
  readonly open: boolean;
  /** True: a person may override it. */
  readonly soft: boolean;
  readonly value: string;
  readonly limit: string;
  /** Why it is closed and when that may change; null while open. */
  readonly fault: Fault | null;
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
  readonly step: UpdateStep | 'stuck';
  readonly steps: readonly StepView[];
  readonly progress: Progress | null;
  readonly because: Fault | null;
  /** True while nothing has been changed and `cancel` works. */
  readonly cancellable: boolean;
}

export type Initiator = 'schedule' | 'person' | 'file';
export type Outcome = 'confirmed' | 'rolled back' | 'undone' | 'refused' | 'failed' | 'cancelled';

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
  /** Last lines of the install script. */
  readonly script_tail: readonly string[];
}

export interface Status {
  /** Grows with every change; a later snapshot has a larger one (within one run of the daemon). */
  readonly seq: number;
  readonly at: string;
  readonly box: { readonly name: string; readonly kind: 'systemd' | 'scratch'; readonly hardware: string | null };
  readonly boot_id: string;
  readonly updater_version: string;
  readonly server_url: string | null;
  readonly installed: number | null;
  /** `idle` only when nothing is under way and the box is whole. */
  readonly state: 'idle' | 'checking' | UpdateStep | 'stuck';
  readonly update: UpdateView | null;
  readonly available: Available | null;
  readonly last_check: { readonly at: string; readonly fault: Fault | null } | null;
  readonly next_check_at: string | null;
  readonly last_update: HistoryEntry | null;
  /** The release that an undo would put back; null when there is none. */
  readonly previous: number | null;
  readonly gates: readonly Gate[];
  /** What needs a person: bad configuration, no keys, first installation, stuck. */
  readonly warnings: readonly Fault[];
}

export interface KeyView {
  readonly name: string;
  readonly kind: string | null;
  readonly fingerprint: string | null;
  /** Why this file is not used; null when it is. */
  readonly fault: Fault | null;
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

export interface LogLine {
  readonly at: string;
  readonly level: 'info' | 'warn' | 'error';
  readonly text: string;
}

/** What each operation answers. `events` and a followed `log` answer with streams of these. */
export interface Output {
  status: Status;
  events: Status;
  check: {
    installed: number | null;
    available: Available | null;
    news: boolean;
    begun: boolean;
    /** The update that was begun, to follow it; null when none was. */
    id: string | null;
    why_not: Fault | null;
  };
  install: { id: string };
  install_file: { id: string };
  cancel: { cancelled: boolean };
  rollback: { id: string };
  history: HistoryEntry[];
  log: LogLine[];
  keys: KeyView[];
  key_fetch: { pem: string; kind: string; fingerprint: string };
  key_add: KeyView;
  key_remove: { removed: string };
  config: ConfigView;
  config_set: ConfigView;
}

/** What both sides of a socket make of an error: this on the way out, `faultFrom` on the way in. */
export const faultOf = ({ code, message, todo }: UpdateError): Fault => ({ code, message, todo });

/** An UpdateError from the body of an error answer; what is not one becomes INTERNAL. */
export function errorFrom(body: unknown): UpdateError {
  const { code, message } = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  if (isErrorCode(code)) return new UpdateError(code, String(message));
  return new UpdateError('INTERNAL', 'The daemon answered with something that is not an error report.');
}

/** The HTTP status that carries a code; people and programs read the code. */
export const httpStatusOf = (code: ErrorCode): number =>
  code === 'NOT_PERMITTED'
    ? 403
    : code === 'NOT_FOUND'
      ? 404
      : ({ 1: 500, 2: 400, 5: 409 }[errorCodes[code].exit as 1] ?? 422);
