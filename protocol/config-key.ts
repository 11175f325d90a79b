import * as z from 'zod';
import { hasReadableLogin } from './address.ts';

/** A row of the configuration. */
export interface Key<T extends z.ZodType = z.ZodType> {
  readonly type: T;
  readonly default: z.output<T>;
  /** What a value must be, for messages: "expected …". */
  readonly expected: string;
  /** What it does, its unit, and what follows from a bad choice. */
  readonly meaning: string;
  /** True: a technician may set it on the page. */
  readonly page?: boolean;
  /** True: an address, which may hold a name and password that nobody is shown. */
  readonly address?: boolean;
}

export const key = <T extends z.ZodType>(entry: Key<T>): Key<T> => entry;

export const absolutePath = z.string().regex(/^(\/(?!\.\.?(\/|$))[^/\u0000-\u001f\u007f]+)+\/?$/);
export const url = z.string().refine((text) => /^https?:\/\/[^\s]+$/.test(text) && hasReadableLogin(text));
