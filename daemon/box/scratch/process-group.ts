import { setTimeout as sleep } from 'node:timers/promises';

/** Kills a process and all that it started, as systemd does with what is left of a unit. */
export async function endGroup(group: number): Promise<void> {
  // Again and again, as a process may fork between two signals; bounded, as a zombie never goes.
  for (let n = 0; n < 100 && signalGroup(group); n++) await sleep(20);
}

/** False when nothing of it is left. */
function signalGroup(group: number): boolean {
  try {
    process.kill(-group, 'SIGKILL');
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
