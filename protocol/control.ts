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
import { hasReadableLogin } from './address.ts';
import { type ErrorCode, errorCodes, isErrorCode } from './error-codes.ts';
import { UpdateError } from './errors.ts';
import { isReleaseVersion } from './version.ts';
import type {
  Available,
  CheckUp,
  ConfigView,
  Fault,
  Gate,
  HistoryEntry,
  KeyView,
  LogLine,
  PostponementView,
  Status,
  UndoView,
} from './views.ts';

export const maxRequestBytes = 64 * 1024;

/** Seconds for which a person may hold updates back at a time: a postponement must not be forgotten for good. */
export const longestPostponementS = 14 * 86_400;

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
  gates: operation({
    method: 'GET',
    path: '/gates',
    page: true,
    input: nothing,
    about: 'Every condition that may hold updates back, looked at now',
  }),
  postpone: operation({
    method: 'POST',
    path: '/postpone',
    page: true,
    input: z.strictObject({
      for_s: z.int().min(0).max(longestPostponementS),
      reason: z.string().trim().max(200).default(''),
    }),
    about: 'Holds automatic updates back for a while (0 ends that)',
  }),
  undo_plan: operation({
    method: 'GET',
    path: '/undo-plan',
    page: true,
    input: nothing,
    about: 'What rollback would do now: restore, keep aside, leave',
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
  doctor: operation({
    method: 'GET',
    path: '/doctor',
    page: false,
    input: nothing,
    about: 'Everything that an update needs, looked at now',
  }),
  keys: operation({ method: 'GET', path: '/keys', page: true, input: nothing, about: 'The pinned keys' }),
  key_fetch: operation({
    method: 'POST',
    path: '/keys/fetch',
    page: false,
    input: z.strictObject({
      url: z
        .url({ protocol: /^https?$/ })
        .max(2000)
        .refine(hasReadableLogin),
    }),
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
  gates: Gate[];
  postpone: { postponed: PostponementView | null };
  undo_plan: UndoView;
  history: HistoryEntry[];
  log: LogLine[];
  doctor: CheckUp[];
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

const statusOfExit: Readonly<Record<number, number>> = { 1: 500, 2: 400, 5: 409, 8: 403 };

/** The HTTP status that carries a code; people and programs read the code. */
export const httpStatusOf = (code: ErrorCode): number =>
  code === 'NOT_FOUND' ? 404 : (statusOfExit[errorCodes[code].exit] ?? 422);
