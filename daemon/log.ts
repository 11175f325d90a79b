import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UpdateError } from '../protocol/errors.ts';
import type { LogLine } from '../protocol/views.ts';

type Fields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** One event a line: what happened, then its fields. Goes to standard output (journald) and to the log file. */
export interface Log {
  info(event: string, fields?: Fields): void;
  /** What happens every day: to standard output alone, as no card has to keep it. */
  daily(event: string, fields?: Fields): void;
  warn(event: string, fields?: Fields): void;
  /** Where an error is handled, once; its cause goes along. */
  error(event: string, error: unknown, fields?: Fields): void;
  /** Last lines, oldest first. */
  tail(lines: number): Promise<LogLine[]>;
  /** Called for each new line; returns what ends it. */
  follow(listener: (line: LogLine) => void): () => void;
}

const maxFileBytes = 1024 * 1024;

/** @param now wall clock, ms since the epoch */
export function openLog(file: string, now: () => number, print: (line: string) => void): Log {
  const listeners = new Set<(line: LogLine) => void>();

  function write(level: LogLine['level'], text: string): void {
    const line: LogLine = { at: new Date(now()).toISOString(), level, text };
    print(`${level === 'info' ? '' : `${level}: `}${text}`);
    try {
      appendToFile(file, `${line.at} ${level} ${text}\n`);
    } catch (error) {
      // The disk is full or read-only: journald still has the line, and the update must go on.
      print(`warn: ${file} cannot be written: ${escapeControls((error as Error).message)}`);
    }
    for (const listener of listeners) listener(line);
  }

  return {
    info: (event, fields) => write('info', format(event, fields)),
    daily: (event, fields) => print(format(event, fields)),
    warn: (event, fields) => write('warn', format(event, fields)),
    error: (event, error, fields) => write('error', format(`${event}: ${describe(error)}`, fields)),
    tail: (lines) => readTail(file, lines),
    follow(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** `event key=value key="two words"`, on one line, with nothing in it that a terminal would obey. */
function format(event: string, fields: Fields = {}): string {
  const told = Object.entries(fields).filter(([, value]) => value !== undefined);
  return escapeControls([event, ...told.map(([key, value]) => `${key}=${show(value)}`)].join(' '));
}

const show = (value: Fields[string]): string =>
  typeof value === 'string' && /[\s"=]|^$/.test(value) ? JSON.stringify(value) : String(value);

/** Control characters as `\xNN`, so that no line of a script or server can pass for one of ours. */
export const escapeControls = (text: string): string =>
  text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );

/** Code and message, then the causes; a stack only for what was not expected. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const expected = error instanceof UpdateError && error.code !== 'INTERNAL';
  const code = error instanceof UpdateError ? `${error.code} ` : '';
  const cause = error.cause === undefined ? '' : ` (because: ${describe(error.cause)})`;
  return `${code}${error.message}${cause}${expected || error instanceof UpdateError ? '' : ` at ${error.stack ?? '?'}`}`;
}

function appendToFile(file: string, line: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > maxFileBytes) renameSync(file, `${file}.1`);
  appendFileSync(file, line, { mode: 0o640 });
}

async function readTail(file: string, lines: number): Promise<LogLine[]> {
  const texts: string[] = [];
  for (const path of [`${file}.1`, file]) {
    const handle = await open(path, 'r').catch(() => undefined); // there may be no log yet, or no older one
    if (!handle) continue;
    try {
      texts.push(...(await handle.readFile('utf8')).split('\n').slice(0, -1));
    } finally {
      await handle.close();
    }
  }
  return texts.slice(-lines || texts.length).flatMap(parseLine);
}

function parseLine(line: string): LogLine[] {
  const match = /^(\S+) (info|warn|error) (.*)$/.exec(line);
  return match ? [{ at: match[1]!, level: match[2] as LogLine['level'], text: match[3]! }] : [];
}
