/** `npm run test:crash`: every point of every recording, each followed to rest. */
import { chronicle, type Moment, toldBy } from './chronicle.ts';
import type { Disk, Operation } from './disk.ts';
import { openJudge } from './judge-process.ts';
import { type Judges, openJudges } from './judges.ts';
import { type Point, pointsAt, safeAfter } from './modes.ts';
import { brokenPromise, namedBy } from './promises.ts';
import { type Recording, record } from './record.ts';
import { treeOf } from './report.ts';
import { neededFor, old, releases, type Scenario } from './scenarios.ts';
import { type Case, judge } from './verdict.ts';
import { type Furnished, furnish, type Workshop } from './workshop.ts';

/** A recording with what the judge knows of it. */
export interface Exhibit {
  readonly scenario: Scenario;
  readonly recording: Recording;
  readonly moments: readonly Moment[];
  readonly facts: Case;
}

/** What of the proof is run: while it is worked on, not all of it is. */
export interface Sample {
  /** Scenarios by their short names; none = all. */
  readonly names: readonly string[];
  /** Each how manieth is tried. */
  readonly every: number;
  /** True: no box is booted. */
  readonly look: boolean;
}

export async function provePoints(workshop: Workshop, { names, every }: Sample): Promise<number> {
  const began = performance.now();
  const furnished = await furnish(workshop);
  const trees = await treesOf(workshop, furnished);
  const exhibits = await recordAll(workshop, furnished, trees, names);
  console.log(`recorded in ${seconds(began)} s`);
  const judges = openJudgesFor(workshop, furnished, trees);
  let points = 0;
  let violations = 0;
  for (const exhibit of exhibits) {
    const result = await proveOne(exhibit, judges, every);
    points += result.points;
    violations += result.violations;
    console.log(
      `${exhibit.scenario.name}: ${result.points} points, ${result.disks} disks, ${result.violations} violations (${judges.tried} tried, ${seconds(began)} s)`,
    );
  }
  console.log(`${judges.tried} different disks were booted, in ${seconds(began)} s`);
  await judges.close();
  await furnished.close();
  console.log(`${points} crash points, ${violations} violations`);
  return violations === 0 ? 0 : 1;
}

const seconds = (began: number) => Math.round((performance.now() - began) / 1000);

/** What is below /usr and /etc when a release is on a box that had no trouble. */
export async function treesOf(workshop: Workshop, { clean, package: path }: Furnished): Promise<Map<number, string>> {
  const { judge: run } = openJudge({ ...workshop, name: 'reference', next: null });
  const trees = new Map([[old, treeOf(clean, false)]]);
  for (const name of ['good', 'better', 'rebooting', 'next'] as const) {
    const { version } = releases[name];
    const job = { disk: clean, end: 'cut' as const, nowMs: Date.now() };
    const report = await run(job, [{ do: 'file', path: path(name) }], false);
    if (report.error || report.history.at(-1)?.outcome !== 'confirmed' || report.running !== version) {
      throw new Error(`${name} does not install: ${report.error}\n${report.log.join('\n')}`);
    }
    trees.set(version, report.tree);
  }
  return trees;
}

export async function recordAll(
  workshop: Workshop,
  { clean, package: path }: Furnished,
  trees: ReadonlyMap<number, string>,
  names: readonly string[],
): Promise<Exhibit[]> {
  const done = new Map<string, Recording>();
  const exhibits: Exhibit[] = [];
  for (const scenario of neededFor(names)) {
    const before = done.get(scenario.after ?? '');
    const base = before ? (scenario.base?.(before) ?? before.end) : clean;
    const recording = await record(workshop, scenario.short, base, scenario.actions(path), scenario.silent);
    done.set(scenario.short, recording);
    const moments = chronicle(base, recording.ops, scenario.undo ?? false);
    exhibits.push({ scenario, recording, moments, facts: factsOf(scenario, recording, clean, trees) });
  }
  return exhibits.filter(({ scenario }) => names.length === 0 || names.includes(scenario.short));
}

function factsOf(
  { otherwise = [] }: Scenario,
  { report }: Recording,
  clean: Disk,
  trees: ReadonlyMap<number, string>,
): Case {
  const ends = new Map<string, Case['ends'] extends ReadonlyMap<string, infer E> ? E : never>();
  for (const { id, outcome, from, to, because } of report.history) {
    ends.set(id, [...(ends.get(id) ?? []), { outcome, from, to, code: because?.code ?? null }]);
  }
  return { from: old, trees, treeWithTimes: treeOf(clean, true), ends, otherwise };
}

/** @param trees null: nobody asks whether the next update works */
export function openJudgesFor(
  workshop: Workshop,
  { package: path }: Furnished,
  trees: ReadonlyMap<number, string> | null,
): Judges {
  const { version } = releases.next;
  const next = trees && { path: path('next'), version, tree: trees.get(version)! };
  return openJudges(workshop.program, { ...workshop, next });
}

async function proveOne({ scenario, recording, moments, facts }: Exhibit, judges: Judges, every: number) {
  const { base, ops } = recording;
  const safe = safeAfter(ops);
  const verdicts: Promise<void>[] = [];
  const disks = new Set<string>();
  let points = 0;
  let violations = 0;
  const conclude = async (point: Point, report: ReturnType<typeof judges.try>): Promise<void> => {
    const { report: found } = await report;
    const wrong = judge(await found, moments[point.done]!, toldBy(point.disk), facts);
    if (wrong.length === 0) return;
    violations++;
    if (violations <= 50) {
      const log = violations <= 5 ? (await found).log : [];
      console.log(describe(scenario.short, ops, point, wrong, log));
    }
  };
  const broken = brokenPromise(ops, namedBy(base, ops), safe);
  if (broken !== undefined) {
    violations++;
    console.log(`VIOLATION in ${scenario.short}: ${broken}`);
  }
  for (let n = 0; n <= ops.length; n++) {
    // What is in memory only makes no other disk.
    if (n > 0 && ops[n - 1]!.volatile) continue;
    if (isCutElsewhere(moments[n]!, scenario)) continue;
    for (const point of pointsAt({ base, ops }, n, safe)) {
      points++;
      const before = disks.size;
      if (disks.add(point.digest).size % every !== 0 || (every > 1 && disks.size === before)) continue;
      if (points % 1000 === 0) console.log(`  ${points} points, ${judges.tried} disks`);
      const nowMs = Number((ops[n - 1] ?? ops[0]!).atNs / 1_000_000n) + 60_000;
      const tried = judges.try(point, nowMs);
      // One at a time waits for room; those that were tried before do not wait.
      await tried;
      verdicts.push(conclude(point, tried));
    }
  }
  await Promise.all(verdicts);
  return { points, disks: disks.size, violations };
}

const isCutElsewhere = ({ saved, saving }: Moment, { cutElsewhere = [] }: Scenario): boolean =>
  saved !== null && [saved, saving ?? saved].every(({ step }) => cutElsewhere.includes(step));

export function describe(
  name: string,
  ops: readonly Operation[],
  point: Point,
  wrong: readonly string[],
  log: readonly string[],
): string {
  const around = ops
    .slice(Math.max(0, point.done - 3), point.done + 2)
    .map(({ note }, n) => `    ${n === Math.min(3, point.done) ? '--- here ---\n    ' : ''}${note}`);
  return [
    `VIOLATION in ${name} after ${point.done} operations (${point.end}; ${point.mode})`,
    ...wrong.map((line) => `  ${line}`),
    ...around,
    ...log.slice(-40).map((line) => `      | ${line}`),
  ].join('\n');
}
