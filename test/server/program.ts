import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { settingsVariable } from '../../server/settings.ts';

export const bundle = fileURLToPath(new URL('../../dist/opq-update-server.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the bundle as an operator does. `settings` goes into the variable, an object as JSON. */
export function runProgram(
  settings: unknown,
  args: readonly string[] = [],
  command = [process.execPath, bundle],
  cwd = '.',
) {
  const text = typeof settings === 'string' ? settings : JSON.stringify(settings);
  const child = spawn(command[0]!, [...command.slice(1), ...args], {
    env: { PATH: process.env.PATH, ...(text === undefined ? {} : { [settingsVariable]: text }) },
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return follow(child);
}

function follow(child: ChildProcess) {
  const seen = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk) => (seen.stdout += chunk));
  child.stderr?.on('data', (chunk) => (seen.stderr += chunk));
  const ended = once(child, 'close').then(([code]): Ended => ({ code, ...seen }));
  return {
    child,
    ended,
    /** What it printed so far. */
    output: () => seen.stdout,
    /** The address it prints once it listens; rejects when it ends instead. */
    url: async (): Promise<string> => {
      const failed = ended.then((end) => Promise.reject(new Error(`ended with ${end.code}: ${end.stderr}`)));
      failed.catch(() => {});
      for (;;) {
        const found = / listening on (http:\S+), /.exec(seen.stdout)?.[1];
        if (found !== undefined) return found;
        await Promise.race([once(child.stdout!, 'data'), failed]);
      }
    },
  };
}
