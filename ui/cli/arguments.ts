import { type ParseArgsConfig, parseArgs } from 'node:util';
import { UpdateError } from '../../protocol/errors.ts';
import { quote } from '../../protocol/version.ts';
import type { Daemon } from './client.ts';
import type { Screen } from './screen.ts';
import { verbs } from './verbs.ts';

export interface Option {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** May be given more than once. */
  readonly multiple?: true;
  /** What stands for the value in the help. */
  readonly value?: string;
  readonly about: string;
}

/** One row of the command line: parsing, help and documentation are made from it. */
export interface Verb {
  /** One word, or two for a group: `keys add`. */
  readonly name: string;
  readonly usage: string;
  readonly about: string;
  readonly examples: readonly string[];
  /** Its own, beside the global ones. */
  readonly options?: Readonly<Record<string, Option>>;
  /** How many words may follow, the fewest and the most; none when left out. */
  readonly words?: readonly [number, number];
  /** Works, but is shown only to who asks for its name. */
  readonly hidden?: true;
  run(call: Call): Promise<number>;
}

/** One command as it was given, and what it works with. */
export interface Call {
  readonly verb: Verb;
  readonly values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  readonly positionals: readonly string[];
  readonly screen: Screen;
  readonly host: NodeJS.Process;
  readonly root: string;
  readonly daemon: Daemon;
}

/** Options that every verb takes. */
export const globalOptions = {
  root: {
    type: 'string',
    value: 'DIR',
    about: 'Folder of the box, for scratch boxes (default: OPQ_UPDATER_ROOT, else /)',
  },
  json: { type: 'boolean', about: 'Print JSON: one document, or one line for each event with --wait and --follow' },
  help: { type: 'boolean', short: 'h', about: 'Show this help' },
} as const satisfies Record<string, Option>;

/**
 * Finds the verb and reads its options, which may stand before or after it.
 * @returns no verb when only help was asked for, or nothing at all; positionals are then what to help with
 * @throws UpdateError USAGE
 */
export function parseCommandLine(args: string[]): Pick<Call, 'values' | 'positionals'> & { verb: Verb | undefined } {
  const { tokens, values } = parseArgs({
    args,
    options: globalOptions,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const words = tokens.filter((token) => token.kind === 'positional');
  const [first, second] = words.map(({ value }) => value);
  if (first === undefined) {
    if (values.version) return { verb: verbNamed('version'), values: { json: values.json }, positionals: [] };
    if (args.length === 0 || values.help) return { verb: undefined, values: { help: values.help }, positionals: [] };
    throw new UpdateError('USAGE', 'There are options but no verb.');
  }
  const verb = verbNamed(first) ?? verbNamed(`${first} ${second}`);
  if (!verb) {
    const group = verbs.filter(({ name }) => name.startsWith(`${first} `)).map(({ name }) => name.split(' ')[1]);
    if (values.help && group.length > 0) return { verb, values: { help: true }, positionals: [first] };
    const message =
      group.length > 0 ? `"${first}" takes one of ${group.join(', ')}.` : `There is no verb ${quote(first)}.`;
    throw new UpdateError('USAGE', message);
  }
  const taken = words.slice(0, verb.name.split(' ').length).map(({ index }) => index);
  const rest = args.filter((_, index) => !taken.includes(index));
  return { verb, ...parseRest(verb, rest) };
}

const verbNamed = (name: string): Verb | undefined => verbs.find((verb) => verb.name === name);

function parseRest(verb: Verb, args: string[]): Pick<Call, 'values' | 'positionals'> {
  let parsed: ReturnType<typeof parseArgs<ParseArgsConfig>>;
  try {
    parsed = parseArgs({ args, options: { ...globalOptions, ...verb.options }, allowPositionals: true });
  } catch (cause) {
    throw new UpdateError('USAGE', `${verb.name}: ${(cause as Error).message}`, { cause });
  }
  const values = parsed.values as Call['values'];
  const [fewest, most] = verb.words ?? [0, 0];
  const { length } = parsed.positionals;
  if (!values.help && (length < fewest || length > most)) {
    const usage = `opq-updater ${verb.name} ${verb.usage}`.trim();
    throw new UpdateError('USAGE', `The command is "${usage}", found ${length} words after the verb.`);
  }
  return { values, positionals: parsed.positionals };
}

/**
 * The whole number of an option.
 * @throws UpdateError USAGE
 */
export function countOf(call: Call, option: string, { min, max }: { min: number; max: number }): number | undefined {
  const text = call.values[option];
  if (text === undefined) return undefined;
  const number = /^\d{1,12}$/.test(String(text)) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new UpdateError(
    'USAGE',
    `--${option} takes a whole number from ${min} to ${max}, found ${quote(String(text))}.`,
  );
}

/** The text of an option. */
export const textOf = (call: Call, option: string): string | undefined => call.values[option] as string | undefined;

/** The texts of an option that may be given more than once. */
export const textsOf = (call: Call, option: string): string[] => [...((call.values[option] ?? []) as string[])];
