import { hasReadableLogin } from './address.ts';
import * as s from './schema.ts';

/** A row of the configuration. */
export interface Key<T extends s.Schema = s.Schema> {
  readonly type: T;
  readonly default: s.Output<T>;
  /** What a value must be, for messages: "expected …". */
  readonly expected: string;
  /** What it does, its unit, and what follows from a bad choice. */
  readonly meaning: string;
  /** True: a technician may set it on the page. */
  readonly page?: boolean;
  /** True: an address, which may hold a name and password that nobody is shown. */
  readonly address?: boolean;
}

export const key = <T extends s.Schema>(entry: Key<T>): Key<T> => entry;

export const absolutePath = s.string(s.regex(/^(\/(?!\.\.?(\/|$))[^/\u0000-\u001f\u007f]+)+\/?$/));
export const url = s.string(s.check((text) => /^https?:\/\/[^\s]+$/.test(text) && hasReadableLogin(text)));
