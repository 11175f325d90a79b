import { UpdateError } from '../../protocol/errors.ts';
import { quote } from '../../protocol/version.ts';
import { globalOptions, type Option, type Verb } from './arguments.ts';
import { exitCodes } from './exit-codes.ts';
import { type Screen, styled } from './screen.ts';
import { verbs } from './verbs.ts';

/**
 * Help for the tool, or for the verbs that begin with `words`.
 * @returns the exit code that was handed in
 * @throws UpdateError USAGE when there is no such verb
 */
export function showHelp(screen: Screen, words: readonly string[], exitCode: number): number {
  const asked = words.join(' ');
  const shown = verbs.filter(
    ({ name, hidden }) => (!hidden || name === asked) && `${name} `.startsWith(asked && `${asked} `),
  );
  if (shown.length === 0) throw new UpdateError('USAGE', `There is no verb ${quote(asked)}.`);
  if (screen.json) {
    const rows = shown.map(({ name, usage, about, examples, options }) => ({ name, usage, about, examples, options }));
    screen.document({ verbs: rows, options: globalOptions, exit_codes: exitCodes });
  } else if (asked === '') showAll(screen, shown);
  else for (const verb of shown) showVerb(screen, verb);
  return exitCode;
}

function showAll(screen: Screen, shown: readonly Verb[]): void {
  screen.line(styled('bold', 'opq-updater VERB [OPTIONS]'));
  screen.line('Keeps this box up to date: verified updates that are confirmed after the reboot or put back.');
  heading(screen, 'Verbs');
  for (const { name, about } of shown) screen.line(`  ${name.padEnd(17)} `, about);
  showOptions(screen, 'Options of every verb', globalOptions);
  heading(screen, 'Exit codes');
  for (const [code, meaning] of Object.entries(exitCodes)) screen.line(`  ${code}  ${meaning}`);
  heading(screen, 'Examples');
  for (const { examples } of shown.filter(({ name }) => ['status', 'install', 'keys add'].includes(name))) {
    screen.line(`  ${examples[0]}`);
  }
  screen.line('');
  screen.line('More: opq-updater VERB --help');
}

function showVerb(screen: Screen, { name, usage, about, examples, options }: Verb): void {
  screen.line(styled('bold', `opq-updater ${name} ${usage}`.trim()));
  screen.line(`${about}.`);
  showOptions(screen, 'Options', { ...options, ...globalOptions });
  heading(screen, 'Examples');
  for (const example of examples) screen.line(`  ${example}`);
  screen.line('');
}

function showOptions(screen: Screen, title: string, options: Readonly<Record<string, Option>>): void {
  heading(screen, title);
  for (const [name, { short, value, about }] of Object.entries(options)) {
    const spelling = `${short ? `-${short}, ` : ''}--${name}${value ? ` ${value}` : ''}`;
    screen.line(`  ${spelling.padEnd(21)} `, about);
  }
}

function heading(screen: Screen, title: string): void {
  screen.line('');
  screen.line(styled('bold', title));
}
