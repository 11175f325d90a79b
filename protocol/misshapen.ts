import type { z } from 'zod';
import { quote } from './version.ts';

/** What is wrong with JSON that a schema refuses: the first of it, to go after the name of the file. */
export function misshapen({ issues: [issue] }: z.ZodError): string {
  const { path, message } = issue!;
  return path.length === 0 ? `is wrong: ${message}` : `is wrong at ${quote(path.join('.'))}: ${message}`;
}
