/** The crash proof: records updates under strace, cuts each at every point, and follows the box to rest. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { childWorker } from '../../daemon/work/child.ts';
import { runWorker } from '../../daemon/work/worker-process.ts';
import { toRest } from './boots.ts';
import { proveFaults } from './faults.ts';
import { runJudge } from './judge-process.ts';
import { provePoints, type Sample } from './points.ts';
import type { Plan } from './record.ts';
import { look, type Report } from './report.ts';
import type { Workshop } from './workshop.ts';

const verbs: Record<string, (args: readonly string[]) => Promise<number>> = {
  points: ([repo = '', ...args]) => inWorkshop(repo, (workshop) => provePoints(workshop, sampleOf(args))),
  faults: ([repo = '', ...args]) => inWorkshop(repo, (workshop) => proveFaults(workshop, sampleOf(args))),
  plan: ([path = '']) => runPlan(JSON.parse(readFileSync(path, 'utf8'))),
  judge: runJudge,
  worker: runWorker,
};

function sampleOf(args: readonly string[]): Sample {
  const options = { every: { type: 'string', default: '1' }, look: { type: 'boolean', default: false } } as const;
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  return { names: positionals, every: Number(values.every), look: values.look };
}

/** With a folder in memory where there is one: thousands of disks are written. */
async function inWorkshop(repo: string, work: (workshop: Workshop) => Promise<number>): Promise<number> {
  const folder = mkdtempSync(join(inMemory() ?? tmpdir(), 'opq-crash-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  const [bin, quickBin] = [join(folder, 'bin'), join(folder, 'quick-bin')];
  return work({ folder, program: process.argv[1]!, bin, quickBin, guard: join(repo, 'systemd/guard.sh') });
}

function inMemory(): string | undefined {
  try {
    mkdirSync('/dev/shm', { recursive: true });
    rmSync(mkdtempSync('/dev/shm/opq-crash-'), { recursive: true });
    return '/dev/shm';
  } catch {
    return undefined;
  }
}

/** What is recorded: a box from its boot to its rest, with the updater's work in a process of its own. */
async function runPlan({ root, bin, guard, actions, silent, resultPath }: Plan): Promise<number> {
  const log: string[] = [];
  let error: string | null = null;
  const newWorker = () => childWorker(process.argv[1]!);
  const machine = { root, bin, guard, newWorker, nowMs: Date.now(), say: (line: string) => void log.push(line) };
  try {
    await toRest(machine, actions, { silent });
  } catch (thrown) {
    error = (thrown as Error).stack ?? String(thrown);
  }
  const report: Report = { ...look(root), error, next: null, log };
  writeFileSync(resultPath, JSON.stringify(report));
  return 0;
}

const [verb = '', ...args] = process.argv.slice(2);
process.exit(await verbs[verb]!(args));
