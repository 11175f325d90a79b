import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { openBench } from './bench.ts';
import { pageOf } from './page.ts';
import { openResults, verdict } from './results.ts';
import { limitOf, runScenario } from './run.ts';
import type { Scenario } from './scenario.ts';
import { scenarios } from './scenarios.ts';

process.exitCode = await main(process.argv.slice(2));

/** @param args the checkout and the cache, as run.sh found them, then what a person typed */
async function main([repo = '', cache = '', ...typed]: string[]): Promise<number> {
  const began = performance.now();
  const say = (text: string) => console.log(`[${Math.round((performance.now() - began) / 1000)} s] ${text}`);
  const { values, positionals } = parseArgs({
    args: typed,
    options: {
      resume: { type: 'boolean', default: false },
      table: { type: 'string' },
      // More only take each other's time: a guest without KVM is all computing.
      jobs: { type: 'string', default: String(Math.min(16, availableParallelism())) },
    },
    allowPositionals: true,
  });
  const chosen = choose(positionals);
  const jobs = Number(values.jobs);
  const wrong = typeof chosen === 'string' ? chosen : wrongJobs(jobs, values.jobs);
  if (typeof chosen === 'string' || wrong !== undefined) {
    console.error(`run.sh: ${wrong}`);
    return 2;
  }
  for (const { name, waitsFor } of scenarios)
    if (waitsFor !== undefined && !positionals.includes(name)) say(`${name}: NOT RUN, it waits for ${waitsFor}`);
  const bench = await openBench(repo, cache, say);
  const table = {
    file: values.table === undefined ? join(cache, 'table.md') : resolve(values.table),
    page: pageOf(typed),
  };
  const order = scenarios.map(({ name }) => name);
  // Beside the table: with it, another machine can go on with the run.
  const known = table.file.replace(/(\.md)?$/, '.jsonl');
  const results = openResults(known, table, order, bench.tested, values.resume);
  for (const { name } of chosen) if (results.passed(name)) say(`${name}: passed in the run before`);
  // The long ones first, so that none of them goes on alone at the end.
  const waiting = chosen.filter(({ name }) => !results.passed(name)).sort((a, b) => limitOf(b) - limitOf(a));
  await sideBySide(jobs, waiting, async (scenario) => {
    say(`${scenario.name}: ${scenario.about}`);
    const result = await runScenario(bench, scenario);
    results.add(result);
    const { passed, seconds, cuts, end } = result;
    say(`${scenario.name}: ${passed ? 'passed' : 'LOST'} in ${seconds} s, ${cuts} cuts: ${end}`);
  });
  console.log(`The table is in ${table.file}`);
  const ran = results.all().filter(({ name }) => chosen.some((scenario) => scenario.name === name));
  console.log(verdict(ran));
  return ran.every(({ passed }) => passed) ? 0 : 1;
}

function wrongJobs(jobs: number, typed: string): string | undefined {
  return Number.isInteger(jobs) && jobs >= 1 && jobs <= 16 ? undefined : `--jobs takes 1 to 16, found ${typed}`;
}

/** Each in the order given, as soon as one of the `jobs` places is free. */
async function sideBySide<T>(jobs: number, all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const waiting = [...all];
  const place = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await work(next);
  };
  await Promise.all(Array.from({ length: jobs }, place));
}

/** What to run, or what is wrong with what was typed. */
function choose(words: readonly string[]): Scenario[] | string {
  if (words.length === 0 || words.includes('all')) return scenarios.filter(({ waitsFor }) => waitsFor === undefined);
  const names = scenarios.map(({ name }) => name);
  const unknown = words.find((word) => word !== 'quick' && !names.includes(word));
  if (unknown !== undefined) return `expected all, quick or names of scenarios, found ${unknown}: ${names.join(' ')}`;
  return scenarios.filter(({ name, quick }) => words.includes(name) || (quick && words.includes('quick')));
}
