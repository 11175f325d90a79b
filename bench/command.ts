import { execFile, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** What a whole process, with all that it started and waited for, took. */
export interface Cost {
  readonly wallS: number;
  /** User and system together. */
  readonly cpuS: number;
}

/**
 * Runs a line of bash and says what it took, from a disk that has written what was before: who syncs, as an update does,
 * would wait for that as well.
 * @throws Error with its output when it fails
 */
export async function costOf(line: string): Promise<Cost> {
  await promisify(execFile)('sync');
  const script = `TIMEFORMAT='%3R %3U %3S'; exec 3>&2; set -o pipefail; time { ${line}\n} 2>&3 >/dev/null`;
  const { stderr } = await promisify(execFile)('bash', ['-ec', script], { maxBuffer: 1 << 24 });
  const [wallS, userS, systemS] = stderr.trim().split('\n').at(-1)!.split(' ').map(Number);
  if (systemS === undefined) throw new Error(`"${line}" said: ${stderr}`);
  return { wallS: wallS!, cpuS: userS! + systemS };
}

/** Runs a line of bash and watches how much memory it takes with all that it starts: the highest sum of PSS, in MB. */
export async function peakOf(line: string): Promise<number> {
  const child = spawn('bash', ['-ec', line], { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  let peakMb = 0;
  // bash itself is none of it.
  const timer = setInterval(() => {
    const sum = familyOf(child.pid!)
      .slice(1)
      .reduce((total, pid) => total + pssMb(pid), 0);
    peakMb = Math.max(peakMb, sum);
  }, 15);
  const code = await ended;
  clearInterval(timer);
  if (code !== 0) throw new Error(`"${line}" ended with ${code}`);
  return peakMb;
}

/**
 * Puts a copy of Node there, to be measured by: a page that several processes have is divided among them, and on a box
 * nothing else runs on Node, as the benchmark and its server do here.
 * @returns the folder, for the PATH
 */
export async function ownNode(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  await rm(join(folder, 'node'), { force: true });
  await copyFile(process.execPath, join(folder, 'node'));
  return folder;
}

/** A process and its descendants. */
export function familyOf(pid: number): number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
  return [pid, ...children.flatMap(familyOf)];
}

/** 0 for one that is gone. */
export const pssMb = (pid: number): number =>
  Number(/^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) / 1024;

/** User and system time of a process that runs, and of the children that it has waited for. */
export function cpuSecondsOf(pid: number): number {
  const fields = read(`/proc/${pid}/stat`).split(') ')[1]?.split(' ') ?? [];
  return fields.slice(11, 15).reduce((total, ticks) => total + Number(ticks), 0) / 100;
}

/** What the threads of a process took so far: finer than the hundredths of its state. */
export const cpuOfThreads = (pid: number): number =>
  readdirSync(`/proc/${pid}/task`).reduce(
    (total, thread) => total + Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0]) / 1e9,
    0,
  );

/** A figure of a process and its descendants together. */
export const sumOfFamily = (pid: number, figureOf: (pid: number) => number): number =>
  familyOf(pid).reduce((total, each) => total + figureOf(each), 0);

/** How often a process and its descendants were put to sleep by themselves: each is a wake-up. */
export const wakeUpsOf = (pid: number): number =>
  sumOfFamily(pid, (each) => Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(read(`/proc/${each}/status`))?.[1] ?? 0));

/** Bytes that a process has caused to be sent to the disk. */
export const writtenBytesOf = (pid: number): number =>
  Number(/^write_bytes: (\d+)/m.exec(read(`/proc/${pid}/io`))?.[1] ?? 0);

export function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // ended meanwhile
  }
}
