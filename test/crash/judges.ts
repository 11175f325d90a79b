/** The processes that try disks, as many as there are cores; each disk is tried once. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import type { Job, JudgeSettings } from './judge-process.ts';
import type { Point } from './modes.ts';
import type { Report } from './report.ts';

export interface Judges {
  /** Resolves when there is room for another one; `report` when it is tried. */
  try(point: Point, nowMs: number): Promise<{ readonly report: Promise<Report> }>;
  /** Disks tried so far. */
  readonly tried: number;
  close(): Promise<void>;
}

/** A small process starts others faster, and they start a hundred programs for a disk. */
const slim = ['--max-semi-space-size=2', '--max-old-space-size=512'];

export function openJudges(program: string, settings: Omit<JudgeSettings, 'name'>): Judges {
  const idle: ChildProcess[] = [];
  const all: ChildProcess[] = [];
  const waiting: ((child: ChildProcess) => void)[] = [];
  for (let n = 0; n < availableParallelism() + 1; n++) {
    const child = fork(program, ['judge'], { serialization: 'advanced', execArgv: slim });
    child.send({ ...settings, name: String(n) } satisfies JudgeSettings);
    // Broken off, before the folder goes in which it writes.
    process.prependOnceListener('exit', () => child.kill('SIGKILL'));
    all.push(child);
    idle.push(child);
  }
  const reports = new Map<string, Promise<Report>>();

  async function tryOn(child: ChildProcess, job: Job): Promise<Report> {
    const ended = new AbortController();
    const answer = once(child, 'message', { signal: ended.signal });
    const died = once(child, 'exit', { signal: ended.signal }).then(([code]) => {
      throw new Error(`a process that tries disks ended with ${code}`);
    });
    child.send(job);
    try {
      const [report] = await Promise.race([answer, died]);
      return report as Report;
    } finally {
      ended.abort();
      answer.catch(() => {});
      died.catch(() => {}); // aborted: it is still alive
      const next = waiting.shift();
      if (next) next(child);
      else idle.push(child);
    }
  }

  return {
    async try({ digest, disk, end }, nowMs) {
      const known = reports.get(digest);
      if (known) return { report: known };
      const child = idle.pop() ?? (await new Promise<ChildProcess>((resolve) => waiting.push(resolve)));
      const report = tryOn(child, { disk, end, nowMs });
      reports.set(digest, report);
      return { report };
    },
    get tried() {
      return reports.size;
    },
    async close() {
      for (const child of all) {
        const gone = once(child, 'exit');
        child.disconnect();
        await gone;
      }
    },
  };
}
