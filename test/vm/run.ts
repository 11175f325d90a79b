import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { keepEvidence } from './evidence.ts';
import type { Result } from './results.ts';
import type { Context, Scenario } from './scenario.ts';
import { type Bench, openStage, type Stage } from './stage.ts';

const limitS = 20 * 60;

/** Runs one scenario on a machine of its own; of one that fails, disk, consoles and journal are kept. */
export async function runScenario(bench: Bench, scenario: Scenario): Promise<Result> {
  const { name, about } = scenario;
  const folder = join(bench.cache, 'runs', name);
  const say = (text: string) => bench.say(`${name}: ${text}`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  let began = performance.now();
  let stage: Stage | undefined;
  let went: { readonly passed: boolean; readonly end: string };
  try {
    const start = scenario.from === 'box' ? await bench.box() : bench.image;
    // What all share is nobody's time.
    began = performance.now();
    stage = await openStage(bench, scenario, start, folder, say);
    went = { passed: true, end: await inTime(scenario, stage.context) };
  } catch (error) {
    const { message, stack } = error as Error;
    went = { passed: false, end: message };
    say(`LOST: ${stack ?? message}`);
  }
  const seconds = Math.round((performance.now() - began) / 1000);
  const { cuts, secondTries } = stage?.context.machine.counts ?? { cuts: 0, secondTries: 0 };
  if (stage && !went.passed) await keepEvidence(stage.context.machine, stage.disk, folder);
  await stage?.close();
  if (went.passed) await rm(folder, { recursive: true, force: true });
  else say(`disk, consoles and journal are kept in ${folder}`);
  return {
    name,
    about,
    ...went,
    cuts,
    secondTries,
    seconds,
    finishedAt: new Date().toISOString(),
    tested: bench.tested,
  };
}

async function inTime(scenario: Scenario, context: Context): Promise<string> {
  const seconds = scenario.limitS ?? limitS;
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
