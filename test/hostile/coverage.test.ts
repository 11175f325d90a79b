import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { attackCount, coveragePage, strayNumbers, testsOf } from './coverage.ts';
import { report } from './hostile-box.ts';
import { threats } from './threats.ts';

const tests = fileURLToPath(new URL('..', import.meta.url));
const page = join(tests, '../docs/threats-covered.md');

describe.each(threats)('Threat $number ($attack)', (threat) => {
  it('has a test', () => expect(Object.keys(testsOf(threat))).not.toEqual([]));

  it('names no test that is not there', () => {
    const missing = Object.entries(threat.tests ?? {}).flatMap(([file, titles]) => {
      const text = readFileSync(join(tests, file), 'utf8');
      return titles.filter((title) => !isTitleIn(text, title)).map((title) => `${file}: ${title}`);
    });
    expect(missing).toEqual([]);
  });
});

/** First of a call or of a row in a table, or the name of a scenario on a booted box. */
function isTitleIn(text: string, title: string): boolean {
  const quoted = title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`([([]|name:)\\s*(['"\`])${quoted}\\2\\s*[,\\]]`).test(text);
}

it('no attack is of a threat that nobody knows', () => {
  report({ name: 'rows', threats: threats.length, attacks: attackCount });
  expect(strayNumbers).toEqual([]);
});

it('no threat has the number of another', () => {
  expect(new Set(threats.map(({ number }) => number)).size).toBe(threats.length);
});

it('the page in the documentation is up to date', async () => {
  // Written by `npm run docs:threats`.
  if (process.env.WRITE_THREATS_PAGE) await expect(coveragePage()).toMatchFileSnapshot(page);
  else expect(readFileSync(page, 'utf8')).toBe(coveragePage());
});
