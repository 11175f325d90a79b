import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';

/** How one scenario went; one line of the results file. */
export interface Result {
  readonly name: string;
  readonly passed: boolean;
  readonly about: string;
  readonly cuts: number;
  /** True: a boot hung, and what is told here is the second try. */
  readonly secondTry: boolean;
  /** The end state, or what was wrong. */
  readonly end: string;
  readonly seconds: number;
  readonly finishedAt: string;
  /** What was tested: a result for another package says nothing about this one. */
  readonly tested: string;
}

export interface Results {
  add(result: Result): void;
  passed(name: string): boolean;
  /** The last of each scenario. */
  all(): Result[];
}

/**
 * Results that outlive a broken-off run: each is a line in a file as soon as it is known, and the table is made anew.
 * @param table its file, and what stands around it
 * @param order names of scenarios as the table has them
 * @param resume keeps what the file has about the same `tested`; otherwise it begins empty
 */
export function openResults(
  file: string,
  table: { readonly file: string; page(table: string): string },
  order: readonly string[],
  tested: string,
  resume: boolean,
): Results {
  const found = new Map<string, Result>();
  const old = resume && existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
  for (const result of old.flatMap(parse)) if (result.tested === tested) found.set(result.name, result);
  const all = () => [...found.values()].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  writeFileSync(file, all().map(line).join(''));
  return {
    add(result) {
      found.set(result.name, result);
      appendFileSync(file, line(result));
      writeFileSync(table.file, table.page(markdown(all())));
    },
    passed: (name) => found.get(name)?.passed === true,
    all,
  };
}

const line = (result: Result): string => `${JSON.stringify(result)}\n`;

function parse(text: string): Result[] {
  try {
    return [JSON.parse(text) as Result];
  } catch {
    return []; // the line that was being written when the run was broken off
  }
}

/** The last line of a run: what was proven, or not. */
export function verdict(results: readonly Result[]): string {
  const sum = (of: (result: Result) => number) => results.reduce((total, result) => total + of(result), 0);
  const lost = results.filter(({ passed }) => !passed).length;
  return `${results.length} scenarios, ${sum(({ cuts }) => cuts)} cuts, ${lost} lost`;
}

/** A run may have been gone on with on another day. */
function whatAndWhen(results: readonly Result[]): string {
  const days = results.map(({ finishedAt }) => finishedAt.slice(0, 10)).sort();
  const when = days[0] === days.at(-1) ? `on ${days[0]}` : `from ${days[0]} to ${days.at(-1)}`;
  return `All of them ran on one package, whose sha256 begins with \`${results[0]?.tested}\`, ${when}.`;
}

export function markdown(results: readonly Result[]): string {
  const cell = (text: string) => text.split('\n')[0]!.replaceAll('|', '\\|');
  const rows = results.map(({ name, passed, about, cuts, secondTry, end, seconds }) => {
    const state = `${passed ? '' : '**LOST**: '}${cell(end)}${secondTry ? ' (second try, a boot hung)' : ''}`;
    return `| ${name} | ${cell(about)} | ${cuts} | ${state} | ${seconds} |`;
  });
  return [
    '| scenario | what was done | cuts | end state | seconds |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
    `**${verdict(results)}**`,
    '',
    whatAndWhen(results),
    '',
  ].join('\n');
}
