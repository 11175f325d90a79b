/**
 * What browser and page server agree on. Every operation of page.sock is at `/api` + its path, with the same input and
 * answer (protocol/operations.ts, protocol/control.ts), but for `events`, whose stream carries the rows of `PageEvents`,
 * and `log`, which is never followed there. The routes below are the page server's own.
 *
 * An unsafe request comes from the page itself (Origin or Sec-Fetch-Site says so) and has `content-type:
 * application/json`, or `application/octet-stream` for `PUT /api/upload`. An error answer is `{code, message, todo}`: a
 * code of protocol/error-codes.ts as the daemon said it, or one of `pageFaults`.
 */
import type { LogLine, Status } from './views.ts';

export const pageRoutes = {
  session: { method: 'GET', path: '/api/session' },
  login: { method: 'POST', path: '/api/login' },
  logout: { method: 'POST', path: '/api/logout' },
  password: { method: 'POST', path: '/api/password' },
} as const;

/** Characters of a page password. */
export const passwordLength = { min: 8, max: 200 } as const;

export interface SessionView {
  readonly signed_in: boolean;
  /** False: nobody has set a password yet, so the first login takes a PIN: `sudo opq-updater page pin` on the box. */
  readonly password_set: boolean;
  /** Name of the box, to know which one asks. */
  readonly box: string;
  /** False: the password goes over the network as it is. */
  readonly https: boolean;
}

/** Both sign in. A PIN sets a new password as well: at the first start, or when it was forgotten. */
export type LoginInput = { readonly password: string } | { readonly pin: string; readonly new_password: string };

/** Ends every other session. */
export interface PasswordInput {
  readonly old_password: string;
  readonly new_password: string;
}

/**
 * The stream at `/api/events`. On connecting: `daemon`, then, once that answers, `status` and the last lines as `log`.
 * Each later `daemon` that answers is such a beginning too: its lines are those so far, not new ones.
 */
export interface PageEvents {
  readonly status: Status;
  /** Output of install_update.sh comes as lines that begin with `scriptPrefix`. */
  readonly log: LogLine;
  /** False: the daemon does not answer (it starts again, or the box reboots). */
  readonly daemon: { readonly answers: boolean };
  /** The session is over, and so is the stream: sign in again. */
  readonly session: { readonly ended: true };
}

/** Digits of a PIN, and how long it counts. */
export const pinDigits = 8;
export const pinLifeS = 15 * 60;

/** Below the folder of page.sock: written by root, read by the page's group, gone with the boot. */
export const pinFileName = 'page-pin.json';

/** What root leaves there of a PIN; by `scryptCost`, both in base64. */
export interface PinFile {
  /** Tries are counted by it. */
  readonly id: string;
  readonly salt: string;
  readonly hash: string;
  /** Seconds since the boot, as the clock may jump. */
  readonly until_uptime_s: number;
}

/** How PIN and password are hashed: 16 MiB at a time, and allowed to take them. */
export const scryptCost = { N: 2 ** 14, r: 8, p: 5, maxmem: 32 * 1024 * 1024 } as const;
export const scryptBytes = 32;

export const scriptPrefix = 'install_update.sh: ';

/** Refusals of the page server: always these words. */
export const pageFaults = {
  SIGNED_OUT: { status: 401, message: 'Nobody is signed in.', todo: 'sign in' },
  WRONG_PASSWORD: { status: 403, message: 'That is not the password.', todo: 'try again' },
  WRONG_PIN: {
    status: 403,
    message: 'That is not the PIN, or it is too old, or it was tried too often.',
    todo: 'get a new one on the box: sudo opq-updater page pin',
  },
  BAD_PASSWORD: { status: 400, message: 'A password has 8 to 200 characters.', todo: 'choose another one' },
  CROSS_SITE: { status: 403, message: 'The request does not come from this page.', todo: 'open the page itself' },
  WRONG_HOST: { status: 421, message: 'This is not a name of this box.', todo: 'use its name or address' },
  BAD_REQUEST: { status: 400, message: 'The request is not understood.', todo: 'load the page again' },
  NOT_FOUND: { status: 404, message: 'There is nothing here.', todo: 'go to the start page' },
  WRONG_METHOD: { status: 405, message: 'This is not done that way.', todo: 'load the page again' },
  TOO_LARGE: { status: 413, message: 'The request is too large.', todo: 'load the page again' },
  TOO_SLOW: { status: 408, message: 'The request took too long.', todo: 'try again' },
  TOO_MANY: { status: 429, message: 'Too much at once.', todo: 'wait a moment' },
  DAEMON_AWAY: { status: 502, message: 'The updater does not answer.', todo: 'wait; the box may be rebooting' },
  INTERNAL: { status: 500, message: 'Something went wrong here.', todo: 'see journalctl -u opq-updater-ui' },
} as const;
export type PageFaultCode = keyof typeof pageFaults;
