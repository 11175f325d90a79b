import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import * as s from '../../protocol/schema.ts';
import { openJsonLine } from './json-line.ts';

/** How a command in the guest ended. */
export interface Ended {
  /** 128 + the signal's number for one that was killed. */
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/**
 * Asks the agent in the guest for one thing, over a serial line: needs neither network nor log-in.
 * @see QEMU's "QEMU Guest Agent Protocol Reference"
 */
export async function askAgent(socket: string, execute: string, args: object, timeoutMs: number): Promise<unknown> {
  const line = await openJsonLine(socket, timeoutMs);
  try {
    const id = randomInt(2 ** 31);
    // 0xFF is no JSON: the agent drops half a request that a caller before us may have left, and answers behind one.
    line.send({ execute: 'guest-sync-delimited', arguments: { id } }, 0xff);
    while ((await line.next()).return !== id);
    line.send({ execute, arguments: args });
    const answer = await line.next();
    if ('error' in answer) throw new Error(JSON.stringify(answer.error));
    return answer.return;
  } catch (error) {
    throw new Error(`The guest's agent did not do ${execute}: ${(error as Error).message}`, { cause: error });
  } finally {
    line.close();
  }
}

const started = s.object({ pid: s.number() });
const state = s.object({
  exited: s.boolean(),
  exitcode: s.optional(s.number()),
  signal: s.optional(s.number()),
  'out-data': s.optional(s.string(s.base64())),
  'err-data': s.optional(s.string(s.base64())),
});
/** The agent answers at once if it lives; a busy machine makes that seconds, a crowded one more. */
const answerMs = 120_000;
const environment = [
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  'HOME=/root',
  'LC_ALL=C.UTF-8',
];

/** Starts a script with bash as root in the guest; returns while it runs. */
export async function startInGuest(socket: string, script: string, input: string, timeoutMs: number): Promise<number> {
  const request = {
    path: '/usr/bin/timeout',
    // It must not go on when nobody waits for it any more.
    arg: ['--kill-after=5', `${Math.ceil(timeoutMs / 1000)}`, 'bash', '-c', script],
    env: environment,
    'input-data': Buffer.from(input).toString('base64'),
    'capture-output': true,
  };
  return s.parse(started, await askAgent(socket, 'guest-exec', request, answerMs)).pid;
}

/** Runs a script with bash as root in the guest and waits for its end. */
export async function runInGuest(socket: string, script: string, input: string, timeoutMs: number): Promise<Ended> {
  const end = performance.now() + timeoutMs;
  try {
    const pid = await startInGuest(socket, script, input, timeoutMs);
    for (let waitMs = 10; ; waitMs = Math.min(waitMs * 1.5, 500)) {
      const now = s.parse(state, await askAgent(socket, 'guest-exec-status', { pid }, answerMs));
      if (now.exited) {
        const code = now.exitcode ?? 128 + (now.signal ?? 0);
        return { code, out: text(now['out-data']), err: text(now['err-data']) };
      }
      // The guest's own time-out comes first, unless the guest hangs.
      if (performance.now() > end + answerMs) throw new Error(`not done within ${timeoutMs} ms`);
      await sleep(waitMs);
    }
  } catch (error) {
    throw new Error(`In the guest: ${script}\n${(error as Error).message}`, { cause: error });
  }
}

const text = (base64 = '') => Buffer.from(base64, 'base64').toString();

const chunkBytes = 1024 * 1024;

/** Writes a file in the guest: a few megabytes a second. */
export async function writeInGuest(socket: string, path: string, content: Buffer): Promise<void> {
  const ask = (execute: string, args: object) => askAgent(socket, execute, args, 2 * answerMs);
  const handle = await ask('guest-file-open', { path, mode: 'w' });
  let done = 0;
  while (done < content.length) {
    const piece = content.subarray(done, done + chunkBytes).toString('base64');
    const { count } = s.parse(
      s.object({ count: s.number(s.gtValue(0)) }),
      await ask('guest-file-write', { handle, 'buf-b64': piece }),
    );
    done += count;
  }
  await ask('guest-file-close', { handle });
}
