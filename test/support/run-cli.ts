import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

export const cliPath = fileURLToPath(new URL('../../dist/opq-updater.js', import.meta.url));

export interface Ended {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when both outputs together hold this; rejects when the program ends without it. */
  shows(text: string | RegExp): Promise<void>;
}

interface How {
  readonly env?: Record<string, string>;
  readonly uid?: number;
  readonly path?: string;
}

/** Starts opq-updater as a person's shell does, with nobody at the keyboard. */
export function startCli(args: string[], { env = {}, uid, path = cliPath }: How = {}): Running {
  const as = uid === undefined ? {} : { uid, gid: uid };
  const child = spawn(process.execPath, [path, ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...as,
  });
  return watch(child);
}

/** Runs it to its end. */
export const runCli = (args: string[], how?: How): Promise<Ended> => startCli(args, how).ended;

/** Starts it in a terminal of so many columns, with a keyboard at `child.stdin`. */
export function startInTerminal(args: string[], columns: number, env: Record<string, string> = {}): Running {
  const words = [process.execPath, cliPath, ...args].map((word) => `'${word}'`).join(' ');
  const command = `stty cols ${columns} rows 24; exec ${words}`;
  const child = spawn('script', ['-qefc', command, '/dev/null'], {
    env: { PATH: process.env.PATH, TERM: 'xterm', SHELL: '/bin/sh', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  return watch(child);
}

function watch(child: ChildProcess): Running {
  // A test that fails leaves nothing behind that follows for ever.
  onTestFinished(() => void child.kill('SIGKILL'));
  const texts = { stdout: '', stderr: '' };
  const watchers = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
      for (const look of watchers) look();
    });
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode, signal) => resolve({ exitCode, signal, ...texts }));
  });
  return {
    child,
    ended,
    shows: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const all = texts.stdout + texts.stderr;
          if (typeof text === 'string' ? !all.includes(text) : !text.test(all)) return;
          watchers.delete(look);
          resolve();
        };
        watchers.add(look);
        look();
        void ended.then(() => reject(new Error(`Ended without showing ${text}: ${texts.stdout}${texts.stderr}`)));
      }),
  };
}

/** What was printed with --json, line by line. */
export const documents = (stdout: string): unknown[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
