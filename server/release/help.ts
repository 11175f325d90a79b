import type { Option, Verb } from './verb.ts';

const common: Readonly<Record<string, Option>> = {
  json: { type: 'boolean', help: 'print the result as JSON' },
  help: { type: 'boolean', help: 'print this' },
};

const exitCodes =
  'Exit codes: 0 done, 1 unexpected, 2 usage, 4 not trusted, 5 no space,\n6 a box would put it back, 8 not permitted.';

/** `opq-release --help` */
export const overview = (verbs: Readonly<Record<string, Verb>>): string =>
  [
    'opq-release: makes, signs and publishes updates for OPQ Boxes.',
    '',
    ...columns(Object.entries(verbs).map(([name, table]) => [commandLine(name, table), table.summary])),
    '',
    'A release from nothing:',
    ...[
      'opq-release keygen keys',
      'opq-release build content --out packages --version 1550190683',
      'opq-release publish packages/opq-box-update-1550190683.tar.bz2 --to updates --key keys/private_key.pem',
    ].map((line) => `  ${line}`),
    '',
    'Every verb takes --json, and --help for what it does and refuses, with examples.',
    exitCodes,
  ].join('\n');

/** `opq-release VERB --help` */
export function helpFor(name: string, table: Verb): string {
  const options = Object.entries({ ...table.options, ...common });
  return [
    `${commandLine(name, table)}`,
    '',
    table.details,
    '',
    'Options:',
    ...columns(options.map(([key, option]) => [optionText(key, option), option.help])),
    '',
    'Examples:',
    ...table.examples.flatMap(([line, purpose]) => [`  # ${purpose}`, `  ${line}`]),
    '',
    exitCodes,
  ].join('\n');
}

function commandLine(name: string, { operands, options }: Verb): string {
  const optional = Object.entries(options).map(([key, option]) => {
    const text = optionText(key, option);
    return option.type === 'string' && option.required ? text : `[${text}]`;
  });
  return ['opq-release', name, ...operands, ...optional].join(' ');
}

function optionText(key: string, option: Option): string {
  if (option.type === 'boolean') return `--${key}`;
  return `--${key} ${option.value}${option.multiple ? ' ...' : ''}`;
}

/** Two columns when the first fits, two lines when it does not. */
function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  if (width > 40) return rows.flatMap(([left, right]) => [`  ${left}`, `      ${right}`]);
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
