/** Runs each target in a process of its own, so that one that hangs or dies is a failure and not the end. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Report, type Run, runCases } from './cases.ts';
import { targets } from './targets.ts';

/** No hundred cases may take longer; generous, as a busy machine is no fault of the code. */
const hangMs = 300_000;

const usage = `usage: npm run test:fuzz -- [--seed N] [--cases N] [--from N] [NAME ...]

  NAME        ${targets.map(({ name }) => name).join(', ')} (default: all)
  --seed N    repeats a run; a new one by default
  --cases N   so many for each target (default: ${targets.map(({ name, cases }) => `${name} ${cases}`).join(', ')})
  --from N    number of the first case: with --cases 1 a single one is repeated`;

process.exitCode = process.send ? await child() : await parent(process.argv.slice(2));

async function child(): Promise<number> {
  const [run] = await new Promise<Run[]>((resolve) => process.once('message', (message) => resolve([message as Run])));
  await runCases(targets.find(({ name }) => name === run!.target)!, run!, (report) => void process.send!(report));
  process.disconnect();
  return 0;
}

async function parent(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      seed: { type: 'string' },
      cases: { type: 'string' },
      from: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  const chosen = positionals.length === 0 ? targets : targets.filter(({ name }) => positionals.includes(name));
  if (values.help || chosen.length < positionals.length) {
    console.error(usage);
    return values.help ? 0 : 2;
  }
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed}`);
  let cases = 0;
  let failed = 0;
  for (const target of chosen) {
    const run: Run = { target: target.name, seed, from: Number(values.from ?? 0), cases: Number(values.cases ?? target.cases) }; // biome-ignore format: one line
    const began = performance.now();
    const { tally, failures } = await inProcess(run);
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    const counts = Object.entries(tally).sort(([, a], [, b]) => b - a).map(([verdict, count]) => `${count} ${verdict}`); // biome-ignore format: one line
    console.log(`${target.name}: ${run.cases} cases in ${seconds} s, ${failures.length} failed (${counts.join(', ')})`);
    for (const failure of failures) {
      console.log(`  case ${failure.case}: ${failure.what.replaceAll('\n', '\n    ')}\n  input: ${failure.inputPath}`);
      console.log(`  again: npm run test:fuzz -- --seed ${seed} --from ${failure.case} --cases 1 "${target.name}"`);
    }
    cases += run.cases;
    failed += failures.length;
  }
  console.log(`${chosen.length} targets, ${cases} cases, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

type Result = Extract<Report, { tally: unknown }>;

function inProcess(run: Run): Promise<Result> {
  return new Promise((resolve) => {
    const process = fork(fileURLToPath(import.meta.url), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    let done = run.from;
    let result: Result | undefined;
    const hung = setTimeout(() => process.kill('SIGKILL'), hangMs);
    process.on('message', (message: Report) => {
      hung.refresh();
      if ('done' in message) done = message.done;
      else result = message;
    });
    process.once('exit', (code, signal) => {
      clearTimeout(hung);
      const what = `The process ended with ${signal ?? code} among the 100 cases from here.`;
      resolve(result ?? { tally: {}, failures: [{ case: done, what, inputPath: 'not known' }] });
    });
    process.send(run);
  });
}
