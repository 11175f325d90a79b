import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { endGroup } from './process-group.ts';

export interface ScriptRequest {
  readonly folder: string;
  readonly timeoutMs: number;
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

  return {
    kill,
    async run(request: ScriptRequest, onOutput: (text: string) => void) {
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
      return { exitCode: timedOut ? null : exitCode, timedOut };
    },
  };
}
