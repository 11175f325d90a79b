import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type BoxImage, ensureBoxImage } from './box-image.ts';
import { ensureImage } from './image.ts';
import { openResults, verdict } from './results.ts';
import { runScenario } from './run.ts';
import type { Scenario } from './scenario.ts';
import { scenarios } from './scenarios.ts';
import type { Bench } from './stage.ts';

process.exitCode = await main(process.argv.slice(2));

/** @param args the checkout and the cache, as run.sh found them, then what a person typed */
async function main([repo = '', cache = '', ...typed]: string[]): Promise<number> {
  const began = performance.now();
  const say = (text: string) => console.log(`[${Math.round((performance.now() - began) / 1000)} s] ${text}`);
  const { values, positionals } = parseArgs({
    args: typed,
    options: { resume: { type: 'boolean', default: false }, table: { type: 'string' } },
    allowPositionals: true,
  });
  const chosen = choose(positionals);
  if (typeof chosen === 'string') {
    console.error(chosen);
    return 2;
  }
  const bench = await openBench(repo, cache, say);
  const table = values.table === undefined ? join(cache, 'table.md') : resolve(values.table);
  const results = openResults(join(cache, 'results.jsonl'), table, bench.tested, values.resume);
  for (const scenario of chosen) {
    if (results.passed(scenario.name)) {
      say(`${scenario.name}: passed in the run before`);
      continue;
    }
    say(`${scenario.name}: ${scenario.about}`);
    const result = await runScenario(bench, scenario);
    results.add(result);
    say(
      `${scenario.name}: ${result.passed ? 'passed' : 'LOST'} in ${result.seconds} s, ${result.cuts} cuts: ${result.end}`,
    );
  }
  console.log(`The table is in ${table}`);
  const ran = results.all().filter(({ name }) => chosen.some((scenario) => scenario.name === name));
  console.log(verdict(ran));
  return ran.every(({ passed }) => passed) ? 0 : 1;
}

/** What to run, or what is wrong with what was typed. */
function choose(words: readonly string[]): Scenario[] | string {
  if (words.length === 0 || words.includes('all')) return [...scenarios];
  const names = scenarios.map(({ name }) => name);
  const unknown = words.find((word) => word !== 'quick' && !names.includes(word));
  if (unknown !== undefined)
    return `run.sh: expected all, quick or names of scenarios, found ${unknown}: ${names.join(' ')}`;
  return scenarios.filter(({ name, quick }) => words.includes(name) || (quick && words.includes('quick')));
}

async function openBench(repo: string, cache: string, say: (text: string) => void): Promise<Bench> {
  // A copy: a build while this runs would take them away.
  const programs = join(cache, 'programs');
  await rm(programs, { recursive: true, force: true });
  await mkdir(programs, { recursive: true });
  await cp(join(repo, 'dist'), programs, { recursive: true });
  const name = (await readdir(programs)).find((file) => /^opq-box-updater_.*_all\.deb$/.test(file));
  const deb = name === undefined ? null : join(programs, name);
  const tested =
    deb === null
      ? 'none'
      : createHash('sha256')
          .update(await readFile(deb))
          .digest('hex')
          .slice(0, 12);
  const image = await ensureImage(repo, cache, say);
  let box: Promise<BoxImage> | undefined;
  return {
    ...{ cache, image, programs, deb, tested, say },
    box() {
      box ??= ensureBoxImage(cache, image, programs, deb, say);
      return box;
    },
  };
}
