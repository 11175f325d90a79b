import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { release } from './program.ts';

const verbs = [
  'keygen',
  'fingerprint',
  'build',
  'sign',
  'verify',
  'publish',
  'withdraw',
  'inspect',
  'dry-run',
  'crashtest',
  'component build',
  'component index',
  'component sign',
];
const manual = readFileSync(new URL('../../../docs/opq-release.md', import.meta.url), 'utf8');

describe('the command line of opq-release', () => {
  it('tells of every verb', () => {
    const { exit, stdout } = release(['--help']);
    expect(exit).toBe(0);
    for (const verb of verbs) expect(stdout).toContain(`opq-release ${verb} `);
    const example = stdout.split('A release from nothing:\n')[1]!.split('\n\n')[0]!;
    expect(manual).toContain(example.replace(/^ {2}/gm, ''));
  });

  it.each(verbs)('explains %s with examples, in its help and in the manual', (verb) => {
    const { exit, stdout } = release([...verb.split(' '), '--help']);
    expect(exit).toBe(0);
    const options = stdout.match(/^ {2}--[a-z-]+/gm)!.map((option) => option.trim());
    const examples = stdout.match(/^ {2}opq-release .*$/gm)!.map((line) => line.trim());
    expect(examples.length).toBeGreaterThan(0);
    for (const text of [`## ${verb}`, ...options, ...examples]) expect(manual).toContain(text);
  });

  it.each([
    ['no verb', []],
    ['an unknown verb', ['frobnicate']],
    ['a verb named like a property of objects', ['constructor']],
    ['an unknown option', ['build', '.', '--frobnicate']],
    ['an operand too few', ['build']],
    ['an operand too many', ['keygen', 'a', 'b']],
    ['an option without its value', ['sign', 'x', '--key']],
    ['a needed option missing', ['sign', 'x']],
  ])('ends with exit code 2 and names the help for %s', (_, args) => {
    const { exit, code, stdout, stderr } = release(args);
    expect([exit, code, stdout]).toEqual([2, 'USAGE', '']);
    expect(stderr).toMatch(/^opq-release: .+\nWhat to do: .+\n$/);
  });
});
