/** Runs a box under strace and turns what it did to its disk into operations. */
import { execFile } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Action } from './boots.ts';
import { apply, type Disk, type Operation, walk, withUnborn } from './disk.ts';
import { readDisk, writeDisk } from './folder.ts';
import { isChange, isIgnored, operationsOf } from './operations.ts';
import type { Report } from './report.ts';
import { parseCalls, straceCommand } from './strace.ts';
import { recordedIn, type Workshop } from './workshop.ts';

/** What the recorded process is told; see `runPlan` in main.ts. */
export interface Plan {
  readonly root: string;
  readonly bin: string;
  readonly guard: string;
  readonly actions: readonly Action[];
  /** True: the updater does not start in the first boot, and the guard's watch finds it silent. */
  readonly silent: boolean;
  readonly resultPath: string;
}

export interface Recording {
  readonly name: string;
  readonly base: Disk;
  readonly ops: readonly Operation[];
  readonly end: Disk;
  readonly report: Report;
}

const run = promisify(execFile);

/** @throws Error when the log does not explain the disk that the run left: then something was not recorded */
export async function record(
  { folder, program, bin, guard }: Workshop,
  name: string,
  base: Disk,
  actions: readonly Action[],
  silent = false,
): Promise<Recording> {
  const root = recordedIn(folder);
  writeDisk(root, base);
  const plan: Plan = { root, bin, guard, actions, silent, resultPath: join(folder, 'result.json') };
  const planPath = join(folder, 'plan.json');
  const log = join(folder, 'strace.log');
  writeFileSync(planPath, JSON.stringify(plan));
  const [command = '', ...args] = [...straceCommand(log), process.execPath, program, 'plan', planPath];
  await run(command, args, { cwd: dirname(program), maxBuffer: 2 ** 28 });
  const ops = operationsOf(parseCalls(readFileSync(log, 'utf8')), base, root, dirname(program));
  const end = readDisk(root);

  explainAll(apply(withUnborn(base, ops), ops.filter(isChange)), end, name);
  const report: Report = JSON.parse(readFileSync(plan.resultPath, 'utf8'));
  if (report.error !== null) throw new Error(`${name}: ${report.error}\n${report.log.join('\n')}`);
  for (const path of [log, planPath, plan.resultPath, root]) rmSync(path, { recursive: true });
  return { name, base, ops, end, report };
}

/** Kernels take the time of a change from a clock that ticks a few hundred times a second, some time later. */
const lateNs = 2_000_000_000n;

/** The operations, one after the other, must give the very disk that the run left, or some were missed. */
function explainAll(model: Disk, found: Disk, name: string): void {
  const describe = (disk: Disk) =>
    new Map(
      [...walk(disk)]
        .filter(([path]) => !isIgnored(path) && !path.startsWith('/run'))
        .map(([path, inode]) => [path, inode] as const),
    );
  const [expected, real] = [describe(model), describe(found)];
  for (const path of new Set([...expected.keys(), ...real.keys()])) {
    const [a, b] = [expected.get(path), real.get(path)];
    const same =
      a && b && a.kind === b.kind && a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && a.data.equals(b.data);
    const lateBy = a && b ? b.mtimeNs - a.mtimeNs : 0n;
    if (same && lateBy < lateNs && lateBy > -lateNs) continue;
    const words = (inode: typeof a) =>
      inode && `${inode.kind} ${inode.mode.toString(8)} ${inode.mtimeNs} ${inode.data.toString().slice(0, 200)}`;
    throw new Error(`${name}: ${path} is\n${words(b)}\nby what was recorded it should be\n${words(a)}`);
  }
}
