import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** All that runs in a folder, or from it: whoever was just being started is in no list of the box itself. */
export function processesOf(folder: string): number[] {
  const pids = readdirSync('/proc').map(Number).filter(Boolean);
  return pids.filter((pid) => {
    try {
      const [cwd, command] = [readlinkSync(`/proc/${pid}/cwd`), readFileSync(`/proc/${pid}/cmdline`, 'latin1')];
      return `${cwd}/`.startsWith(`${folder}/`) || command.includes(`${folder}/`);
    } catch {
      return false; // it is gone, or a zombie, or not ours
    }
  });
}

/** @param group 0 or no number: there is none */
export const killGroup = (group: number): void => (group > 1 ? send('SIGKILL', -group) : undefined);

export function send(signal: NodeJS.Signals, pid: number): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it is gone already
  }
}

export function isAlive(pid: number): boolean {
  if (!(pid > 1)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
