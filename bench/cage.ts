import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A control group that holds processes to a part of one processor and to so much memory, page cache included. */
export interface Cage {
  /** A command line that runs this one inside. */
  inside(program: string, ...args: readonly string[]): readonly [program: string, args: readonly string[]];
  /** The most memory that all inside had together, page cache included, bytes. */
  peakBytes(): number;
  /** How often a process was killed for want of memory. */
  kills(): number;
  close(): Promise<void>;
}

const root = '/sys/fs/cgroup';
const periodUs = 20_000;

/** @throws Error where control groups are not to be had, as without root */
export function openCage(share: number, memoryBytes: number): Cage {
  const [cpu, memory] = existsSync(`${root}/cgroup.controllers`) ? [root, root] : [`${root}/cpu`, `${root}/memory`];
  const name = `opq-bench-${process.pid}`;
  const folders = [...new Set([join(cpu, name), join(memory, name)])];
  for (const folder of folders) mkdirSync(folder);
  const put = (folder: string, file: string, value: string) => writeFileSync(join(folder, name, file), value);
  const quotaUs = String(Math.round(periodUs * share));
  if (cpu === memory) {
    put(cpu, 'cpu.max', `${quotaUs} ${periodUs}`);
    put(memory, 'memory.max', String(memoryBytes));
  } else {
    put(cpu, 'cpu.cfs_period_us', String(periodUs));
    put(cpu, 'cpu.cfs_quota_us', quotaUs);
    put(memory, 'memory.limit_in_bytes', String(memoryBytes));
  }
  const read = (file: string) => readFileSync(join(memory, name, file), 'utf8');
  return {
    inside(program, ...args) {
      const enter = folders.map((folder) => `echo $$ >${folder}/cgroup.procs`).join(' && ');
      return ['taskset', ['-c', '0', 'sh', '-c', `${enter} && exec "$0" "$@"`, program, ...args]];
    },
    peakBytes: () => Number(read(cpu === memory ? 'memory.peak' : 'memory.max_usage_in_bytes')),
    kills: () =>
      Number(/^oom_kill (\d+)/m.exec(read(cpu === memory ? 'memory.events' : 'memory.oom_control'))?.[1] ?? 0),
    async close() {
      for (const folder of folders) {
        // Until the last process in it is gone.
        while (readFileSync(join(folder, 'cgroup.procs'), 'utf8') !== '') await sleep(100);
        rmdirSync(folder);
      }
    },
  };
}
