/** Makes each mutation in a copy of the checkout and runs its tests there: they have to fail. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Mutation, mutations } from './table.ts';

const [repo = '', ...areas] = process.argv.slice(2);
const copy = mkdtempSync(join(tmpdir(), 'opq-mutations-'));
process.once('exit', () => rmSync(copy, { recursive: true, force: true }));
process.exitCode = main();

function main(): number {
  const known = new Set<string>(mutations.map(({ area }) => area));
  const strange = areas.find((area) => !known.has(area));
  if (strange !== undefined) {
    console.error(`run.sh: there is no area "${strange}"; there are ${[...known].join(', ')}`);
    return 2;
  }
  // As they are now, whether they are committed or not.
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const files = execFileSync('git', list, { cwd: repo, encoding: 'utf8' }).split('\0').filter(Boolean);
  for (const file of files)
    if (existsSync(join(repo, file))) cpSync(join(repo, file), join(copy, file), { verbatimSymlinks: true });
  symlinkSync(join(repo, 'node_modules'), join(copy, 'node_modules'));

  const chosen = mutations.filter(({ area }) => areas.length === 0 || areas.includes(area));
  const before = run([...new Set(chosen.flatMap(({ tests }) => tests))]);
  if (before.failed !== undefined) {
    console.error(`run.sh: fails without any mutation: ${before.failed}`);
    return 2;
  }
  const survived = chosen.filter((mutation) => !isCaught(mutation));
  console.log(`${chosen.length} mutations, ${chosen.length - survived.length} caught, ${survived.length} survived`);
  return survived.length === 0 ? 0 : 1;
}

function isCaught({ area, file, find, put, tests }: Mutation): boolean {
  const path = join(copy, file);
  const text = readFileSync(path, 'utf8');
  writeFileSync(
    path,
    text.replace(find, () => put),
  );
  const { failed } = run(tests);
  writeFileSync(path, text);
  const change = `${file}: ${JSON.stringify(find)} -> ${JSON.stringify(put)}`;
  console.log(`${failed === undefined ? 'SURVIVED' : 'caught'}  ${area}  ${change}${failed ? `  by "${failed}"` : ''}`);
  return failed !== undefined;
}

/** The name of the first test that fails; undefined when all pass. */
function run(tests: readonly string[]): { readonly failed: string | undefined } {
  const report = join(copy, 'mutations-report.json');
  rmSync(report, { force: true });
  const { stderr } = spawnSync(
    'npx',
    ['vitest', 'run', ...['--config', 'test/mutations/vitest.config.ts'], '--bail=1', '--reporter=json', `--outputFile=${report}`, ...tests], // biome-ignore format: one line
    { cwd: copy, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' },
  );
  if (!existsSync(report)) throw new Error(`vitest made no report: ${stderr}`);
  const { success, testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report;
  if (success) return { failed: undefined };
  const failing = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .find((one) => one.status === 'failed');
  return { failed: failing?.fullName ?? 'a file of tests that does not even begin' };
}

/** What is used of vitest's report. */
interface Report {
  readonly success: boolean;
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}
