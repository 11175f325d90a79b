/**
 * What the daemon does for those who talk to it: HTTP with JSON over two unix sockets, told apart by file mode.
 * `control.sock` (0600) is root's and offers everything; `page.sock` (0660) is the page's and offers the rows
 * marked `page`. Nothing on the page's socket takes a URL, a path, a key or a script.
 *
 * A GET carries its input in the query, a POST as a JSON body of at most `maxRequestBytes`, a PUT in the query with raw
 * bytes as its body. An answer is 200 with
 * JSON, or an error status with `{code, message, todo}`. `events` and a followed `log` are streams of server-sent
 * events: first the whole truth (a `status`), then each change.
 */
import type { BoxFacts, Bundle, ComponentsView, SettingsView, UploadView } from './box-views.ts';
import { type ErrorCode, errorCodes, isErrorCode } from './error-codes.ts';
import { UpdateError } from './errors.ts';
import type { OperationName } from './operations.ts';
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

/** What each operation answers. `events` and a followed `log` answer with streams of these. */
export interface Output extends Record<OperationName, unknown> {
  status: Status;
  events: Status;
  check: {
    installed: number | null;
    available: Available | null;
    news: boolean;
    begun: boolean;
    /** The update that was begun, to follow it; null when none was. */
    id: string | null;
    /** Why it was not begun; where it was not asked for, what would keep a person from it. */
    why_not: Fault | null;
  };
  install: { id: string };
  components: ComponentsView;
  upgrade: { id: string };
  install_file: { id: string };
  cancel: { cancelled: boolean };
  rollback: { id: string };
  gates: Gate[];
  postpone: { postponed: PostponementView | null };
  undo_plan: UndoView;
  history: HistoryEntry[];
  log: LogLine[];
  facts: BoxFacts;
  settings: SettingsView;
  settings_set: SettingsView;
  upload: UploadView | null;
  upload_begin: UploadView;
  upload_put: UploadView;
  upload_discard: { discarded: boolean };
  upload_install: { id: string };
  bundle: Bundle;
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
