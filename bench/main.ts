import { execFileSync, spawn } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Benchmark, Setting } from './bench.ts';
import { daemon, start, whole } from './daemon.ts';
import { type Finding, type NotRun, verdictOf } from './finding.ts';
import { page } from './page.ts';
import { payloadOf } from './payload.ts';
import { peers } from './peers.ts';
import { server, slowDownloads } from './server.ts';
import { throttled } from './throttled.ts';
import { memory, pipeline, sizes } from './update.ts';

const benchmarks: readonly Benchmark[] = [
  ...[pipeline, memory, sizes, peers],
  ...[daemon, start, whole, throttled, page],
  ...[server, slowDownloads],
];

const [repo, cache, ...rest] = process.argv.slice(2) as [string, string, ...string[]];
const { values, positionals } = parseArgs({
  args: rest,
  allowPositionals: true,
  options: { rounds: { type: 'string' }, table: { type: 'string' } },
});
const quick = positionals.includes('quick');
const names = positionals.filter((name) => name !== 'quick' && name !== 'full');
const unknown = names.filter((name) => !benchmarks.some((one) => one.name === name));
if (unknown.length > 0) {
  console.error(`bench: there is no ${unknown.join(', ')}; there are ${benchmarks.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
const chosen = benchmarks.filter((one) => (names.length > 0 ? names.includes(one.name) : !quick || one.quick));
const rounds = Number(values.rounds ?? (quick ? 3 : 7));

const scratch = join(cache, 'scratch');
const clearUp = () => rm(scratch, { recursive: true, force: true });
await clearUp();
const found: (Finding | NotRun)[] = [];
for (const benchmark of chosen) {
  const results = await alone(benchmark).catch((error: Error) => [
    { what: benchmark.name, because: error.message.split('\n')[0]! },
  ]);
  for (const result of results) console.log(lineOf(result));
  found.push(...results);
  // As far as it came, should it be broken off.
  if (values.table) await writeFile(values.table, document(found));
}
const count = (word: string) => found.filter((one) => wordOf(one) === word).length;
console.log(`${count('met')} met, ${count('short')} short, ${count('not run')} not run`);
await clearUp();
// What a benchmark that failed has left open keeps nobody waiting.
process.exit(count('not run') > 0 ? 1 : 0);

/** Runs one with a folder and servers of its own, and ends these. */
async function alone(benchmark: Benchmark): Promise<(Finding | NotRun)[]> {
  const folder = join(scratch, benchmark.name);
  await mkdir(folder, { recursive: true });
  const servers = new Map<string, ReturnType<typeof spawn>>();
  const setting: Setting = {
    repo,
    folder,
    rounds,
    quick,
    payload: (megabytes) => payloadOf(repo, cache, megabytes),
    pidOf: (url) => servers.get(url)!.pid!,
    async serve(updates) {
      const settings = join(folder, `server-${servers.size}.json`);
      await writeFile(settings, JSON.stringify({ host: '127.0.0.1', port: 0, updates_dir: updates }));
      const child = spawn('node', [join(repo, 'dist/opq-update-server.js'), '--settings', settings], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const url = await new Promise<string>((resolve, reject) => {
        const look = (data: Buffer) => {
          const at = /listening on (http[^,\s]*)/.exec(`${data}`)?.[1];
          if (at) resolve(at.replace(/\/$/, ''));
        };
        child.stdout.on('data', look);
        child.stderr.on('data', look);
        child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
      });
      servers.set(url, child);
      return url;
    },
  };
  try {
    return await benchmark.run(setting);
  } finally {
    for (const child of servers.values()) child.kill();
  }
}

function wordOf(one: Finding | NotRun): string {
  return 'because' in one ? 'not run' : verdictOf(one);
}

function lineOf(one: Finding | NotRun): string {
  if ('because' in one) return `${one.what}: not run, as ${one.because}`;
  const { what, ours, theirs, figure, target, unit, atLeast } = one;
  const compared = theirs ? `${ours} against ${theirs}` : ours;
  if (target === null || figure === null)
    return `${what}: ${compared}${figure === null ? '' : `: ${figure.toFixed(2)}`}: reported`;
  const limit = `${atLeast ? '>=' : '<='} ${target}${unit && ` ${unit}`}`;
  return `${what}: ${compared}: ${figure.toFixed(2)}${unit && ` ${unit}`}, target ${limit}: ${wordOf(one)}`;
}

function document(all: readonly (Finding | NotRun)[]): string {
  const cell = (text: string) => text.replaceAll('|', '\\|');
  const rows = all.map((one) => {
    if ('because' in one) return `| ${cell(one.what)} | | | | | not run: ${cell(one.because)} |`;
    const { what, against, ours, theirs, figure, target, unit, atLeast } = one;
    const goal = target === null ? '' : `${atLeast ? 'at least' : 'at most'} ${target}${unit && ` ${unit}`}`;
    const value = figure === null ? '' : `${figure.toFixed(2)}${unit && ` ${unit}`}`;
    return `| ${cell(what)} | ${cell(against)} | ${ours}${theirs && ` against ${theirs}`} | ${value} | ${goal} | ${wordOf(one)} |`;
  });
  const machine = `${cpus().length} x ${cpus()[0]!.model}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Linux ${execFileSync('uname', ['-r'], { encoding: 'utf8' }).trim()}, Node ${process.version}`;
  return `# How fast, how small

Made by \`npm run bench\` (\`sh bench/run.sh --table docs/bench.md\`), ${rounds} rounds, on
${machine}.
Each round runs ours and the other one after the other, whole processes both; figures are medians with the lowest and
the highest in brackets, a ratio is the median of the ratios of the rounds. Seconds are this machine's, ratios travel.
The memory of the daemon and of an update is that of copies of Node that nothing else runs by, as nothing else does on a
box: pages that several processes have are divided among them.

| what | against | measured | figure | target | |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}
