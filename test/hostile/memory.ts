import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ScratchBox } from '../support/scratch-box.ts';

const everyMs = 50;

/** Watches how much memory the daemon of a box and its child take (PSS, in MB). */
export async function watchMemory(box: ScratchBox) {
  const daemon = () => Number(textOf(box.at('var/lib/scratch/daemon-group')));
  // At rest, as it comes to be a while after its start.
  await sleep(1000);
  const idleMb = pssMb(daemon());
  let daemonMb = idleMb;
  let childMb = 0;
  const timer = setInterval(() => {
    daemonMb = Math.max(daemonMb, pssMb(daemon()));
    for (const child of childrenOf(daemon())) childMb = Math.max(childMb, pssMb(child));
  }, everyMs);
  return {
    daemon,
    stop() {
      clearInterval(timer);
      return { idleMb, daemonMb, childMb };
    },
  };
}

/**
 * What is promised holds in `npm run test:hostile`. In the suite, PSS also says what else runs: memory that programs
 * share is the last one's alone when the others end.
 */
export const boundMb = (promisedMb: number): number => (process.env.HOSTILE_FIGURES ? promisedMb : promisedMb * 3);

/** 0 for a process that is gone. */
export const pssMb = (pid: number): number =>
  Number(/^Pss:\s+(\d+) kB/m.exec(textOf(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) / 1024;

const childrenOf = (pid: number): number[] =>
  textOf(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // ended meanwhile
  }
}
