import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeFileSafely } from '../../files.ts';
import type { ScriptEnd } from '../box.ts';
import { endGroup } from './process-group.ts';

export interface ScriptRequest {
  readonly folder: string;
  readonly timeoutMs: number;
  /** Where it is written down how it ended. */
  readonly endFile: string;
}

/**
 * Runs install_update.sh as a plain child in a process group of its own: nothing confines it, and, as on a real
 * box, it goes on when the daemon dies.
 */
export function scriptRunner(environment: NodeJS.ProcessEnv, groupFile: string) {
  let running: ChildProcess | undefined;
  const kill = async (): Promise<void> => {
    if (running?.pid !== undefined) await endGroup(running.pid);
  };

  let over: Promise<unknown> = Promise.resolve();

  return {
    kill,
    /** As on a real box: when that goes down, the script may come to its end; what takes longer is killed. */
    async finish(graceMs: number): Promise<void> {
      await Promise.race([over, sleep(graceMs)]);
      await kill();
      await over;
    },
    run(request: ScriptRequest, onOutput: (text: string) => void): Promise<ScriptEnd> {
      const end = runToItsEnd(request, onOutput);
      over = end.catch(() => {}); // whoever called hears of it
      return end;
    },
  };

  async function runToItsEnd(request: ScriptRequest, onOutput: (text: string) => void): Promise<ScriptEnd> {
    await kill();
    const child = spawn('bash', ['./install_update.sh'], {
      cwd: request.folder,
      env: environment,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running = child;
    // A power cut in a test must end the script too.
    writeFileSync(groupFile, `${child.pid}\n`);
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      void kill();
    }, request.timeoutMs);
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', onOutput);
    const closed = new Promise((resolve) => child.once('close', resolve));
    const exitCode = await new Promise<number | null>((resolve) => {
      // Not `close`: a process that it left behind may hold the pipes open for ever.
      child.once('exit', resolve);
      child.once('error', () => resolve(127));
    });
    clearTimeout(timer);
    if (child.pid !== undefined) await endGroup(child.pid);
    // Now nothing holds them but what has left the group; the last lines often say why it failed.
    await Promise.race([closed, sleep(1000)]);
    if (running === child) {
      rmSync(groupFile, { force: true });
      running = undefined;
    }
    await record(request.endFile, exitCode, timedOut);
    return { exitCode: timedOut ? null : exitCode, timedOut };
  }
}

/** In the words in which systemd tells it; on the disk when this returns. */
function record(file: string, exitCode: number | null, timedOut: boolean): Promise<void> {
  const result = timedOut ? 'timeout' : exitCode === 0 ? 'success' : exitCode === null ? 'signal' : 'exit-code';
  const [code, status] = exitCode === null ? ['killed', 'KILL'] : ['exited', exitCode];
  return writeFileSafely(file, `result=${result}\ncode=${code}\nstatus=${status}\n`);
}
