import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { keepEvidence } from './evidence.ts';
import { HungBoot } from './hung-boot.ts';
import type { Result } from './results.ts';
import type { Context, Scenario } from './scenario.ts';
import { type Bench, openStage, type Stage } from './stage.ts';

/** After so many seconds a scenario has failed. */
export const limitOf = ({ limitS = 40 * 60 }: Scenario): number => limitS;

/** Runs one scenario on a machine of its own, once more from its start when a boot hung. */
export async function runScenario(bench: Bench, scenario: Scenario): Promise<Result> {
  const first = await tryScenario(bench, scenario);
  if (first.passed || !first.hung) return resultOf(bench, scenario, first, false);
  const { name } = scenario;
  const folder = join(bench.cache, 'runs', name);
  await rm(`${folder}.first-try`, { recursive: true, force: true });
  await rename(folder, `${folder}.first-try`);
  bench.say(`${name}: a boot did not end: TRIED ONCE MORE; what is left of it is in ${folder}.first-try`);
  return resultOf(bench, scenario, await tryScenario(bench, scenario), true);
}

interface Try {
  readonly passed: boolean;
  /** The end state, or what was wrong. */
  readonly end: string;
  /** A boot did not end, which says little of what is tested. */
  readonly hung: boolean;
  readonly cuts: number;
  readonly seconds: number;
}

function resultOf({ tested }: Bench, { name, about }: Scenario, went: Try, secondTry: boolean): Result {
  const { hung: _, ...known } = went;
  return { name, about, ...known, secondTry, finishedAt: new Date().toISOString(), tested };
}

/** Of a try that fails, disk, consoles and journal are kept. */
async function tryScenario(bench: Bench, scenario: Scenario): Promise<Try> {
  const { name } = scenario;
  const folder = join(bench.cache, 'runs', name);
  const say = (text: string) => bench.say(`${name}: ${text}`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  let began = performance.now();
  let stage: Stage | undefined;
  let went: Pick<Try, 'passed' | 'end' | 'hung'>;
  try {
    const start = scenario.from === 'box' ? await bench.box() : bench.image;
    // What all share is nobody's time.
    began = performance.now();
    stage = await openStage(bench, scenario, start, folder, say);
    went = { passed: true, end: await inTime(scenario, stage.context), hung: false };
  } catch (error) {
    const { message, stack } = error as Error;
    went = { passed: false, end: message, hung: error instanceof HungBoot };
    say(`LOST: ${stack ?? message}`);
  }
  const seconds = Math.round((performance.now() - began) / 1000);
  const cuts = stage?.context.machine.counts.cuts ?? 0;
  if (stage && !went.passed) await keepEvidence(stage.context.machine, stage.disk, folder);
  await stage?.close();
  if (went.passed) await rm(folder, { recursive: true, force: true });
  else say(`disk, consoles and journal are kept in ${folder}`);
  return { ...went, cuts, seconds };
}

async function inTime(scenario: Scenario, context: Context): Promise<string> {
  const seconds = limitOf(scenario);
  const over = new AbortController();
  const late = sleep(seconds * 1000, undefined, { signal: over.signal }).then(() => {
    throw new Error(`Expected to be done within ${seconds} s.`);
  });
  try {
    return await Promise.race([scenario.run(context), late]);
  } finally {
    over.abort();
    late.catch(() => {}); // the scenario was first
  }
}
