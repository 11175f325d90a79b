import { parseArgs } from 'node:util';
import { errorCodes } from '../../protocol/error-codes.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { quote } from '../../protocol/version.ts';
import { build } from './build.ts';
import { componentBuild } from './component-build.ts';
import { componentIndex } from './component-index.ts';
import { componentSign } from './component-sign.ts';
import { crashtest } from './crashtest.ts';
import { dryRun } from './dry-run.ts';
import { fingerprint } from './fingerprint.ts';
import { helpFor, overview } from './help.ts';
import { inspect } from './inspect.ts';
import { asReleaseError } from './io-errors.ts';
import { keyRollover } from './key-rollover.ts';
import { keygen } from './keygen.ts';
import { publish } from './publish.ts';
import { rehearseInside } from './rehearsal/inside.ts';
import { insideVerb } from './rehearsal/namespace.ts';
import { sign } from './sign.ts';
import { tufAdd } from './tuf/add.ts';
import { tufInit } from './tuf/init.ts';
import { tufRefresh } from './tuf/refresh.ts';
import { tufRotate } from './tuf/rotate.ts';
import { tufSign } from './tuf/sign.ts';
import { tufStatus } from './tuf/status.ts';
import type { Outcome, Tools, Verb } from './verb.ts';
import { verify } from './verify.ts';
import { withdraw } from './withdraw.ts';

/** opq-release, the publisher's tool: everything it can do, one file each. */
const verbs: Readonly<Record<string, Verb>> = {
  keygen,
  fingerprint,
  build,
  sign,
  verify,
  publish,
  withdraw,
  inspect,
  'dry-run': dryRun,
  crashtest,
  'key-rollover': keyRollover,
  'tuf init': tufInit,
  'tuf add': tufAdd,
  'tuf sign': tufSign,
  'tuf rotate': tufRotate,
  'tuf refresh': tufRefresh,
  'tuf status': tufStatus,
  'component build': componentBuild,
  'component index': componentIndex,
  'component sign': componentSign,
};

/** Runs one command line and gives the exit code. */
async function main(argv: readonly string[], tools: Tools): Promise<number> {
  const { name, rest } = verbOf(argv);
  // Not for people: what "dry-run" and "crashtest" start in a namespace. Who started it holds the other end.
  if (name === insideVerb) {
    process.stdin.resume().on('end', () => process.exit(1));
    process.stdout.write(await rehearseInside(rest[0] ?? ''), () => process.exit(0));
    return 0;
  }
  if (name === '--help' || name === '-h' || name === 'help') return print(overview(verbs));
  try {
    const table = Object.hasOwn(verbs, name) ? verbs[name]! : undefined;
    if (table === undefined) throw usage(name === '' ? 'A verb is missing' : `There is no verb ${quote(name)}`);
    const { values, positionals } = parse(table, rest);
    if (values.help) return print(helpFor(name, table));
    const outcome = await table.run(argumentsOf(name, table, values, positionals), tools);
    return print(values.json ? JSON.stringify(outcome.json, null, 2) : outcome.text, outcome.exit);
  } catch (thrown) {
    const error = asReleaseError(thrown);
    process.stderr.write(`opq-release: ${error.code} ${error.message}\n${whatToDo(error, name)}\n`);
    return errorCodes[error.code].exit;
  }
}

/** The verb, of one word or two, and what follows it. */
function verbOf(argv: readonly string[]): { name: string; rest: readonly string[] } {
  const [first = '', second = ''] = argv;
  const both = `${first} ${second}`;
  return Object.hasOwn(verbs, both) ? { name: both, rest: argv.slice(2) } : { name: first, rest: argv.slice(1) };
}

function parse(table: Verb, args: readonly string[]) {
  const options = Object.fromEntries(
    Object.entries(table.options).map(([name, option]) => {
      return [name, { type: option.type, multiple: option.type === 'string' && option.multiple === true }];
    }),
  );
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { ...options, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    });
  } catch (cause) {
    throw usage((cause as Error).message, cause);
  }
}

function argumentsOf(name: string, table: Verb, values: Record<string, unknown>, positionals: readonly string[]) {
  const { operands, options } = table;
  if (positionals.length !== operands.length) {
    throw usage(`${name} expects ${operands.join(' and ')}, found ${positionals.length} arguments`);
  }
  const given = Object.entries(options).map(([key, option]) => {
    if (option.type === 'boolean') return [key, values[key] === true];
    if (option.required && values[key] === undefined) throw usage(`${name} needs --${key} ${option.value}`);
    return [key, values[key] ?? (option.multiple ? [] : undefined)];
  });
  return Object.fromEntries([...operands.map((operand, i) => [operand, positionals[i]]), ...given]);
}

/** The table's advice is for a box or for any program; for a mistake on the command line we know which help to name. */
function whatToDo(error: UpdateError, name: string): string {
  if (error.code !== 'USAGE') return `What to do: ${error.todo}.`;
  return `What to do: see "opq-release ${Object.hasOwn(verbs, name) ? `${name} ` : ''}--help".`;
}

const usage = (what: string, cause?: unknown) => new UpdateError('USAGE', `${what}.`, { cause });

function print(text: string, exit: Outcome['exit'] = 0): number {
  process.stdout.write(`${text}\n`);
  return exit;
}

// "opq-release inspect FILE | head" closes our output early: not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
main(process.argv.slice(2), { nowS: Math.floor(Date.now() / 1000), program: process.argv[1]! }).then((exit) => {
  process.exitCode = exit;
});
