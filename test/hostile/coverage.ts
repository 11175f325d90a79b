import { attendedAttacks } from './attended-attacks.ts';
import { packageAttacks } from './package-attacks.ts';
import { pageAttacks } from './page-attacks.ts';
import { serverAttacks } from './server-attacks.ts';
import { slowAttacks } from './slow-attacks.ts';
import { socketAttacks } from './socket-attacks.ts';
import { type Threat, threats } from './threats.ts';
import { clientAttacks } from './update-server-attacks.ts';

/** The tables of this folder, by the test that goes through them. */
const tables: Readonly<Record<string, readonly { readonly threat: string; readonly what: string }[]>> = {
  'hostile/attended.test.ts': attendedAttacks,
  'hostile/server.test.ts': serverAttacks,
  'hostile/packages.test.ts': packageAttacks,
  'hostile/page.test.ts': pageAttacks,
  'hostile/slow.long.ts': slowAttacks,
  'hostile/sockets.test.ts': socketAttacks,
  'hostile/update-server.test.ts': clientAttacks,
};

export const attackCount: number = Object.values(tables).flat().length;

/** File below test/ to titles, from the tables here and the tests elsewhere. */
export function testsOf({ number, tests = {} }: Threat): Readonly<Record<string, readonly string[]>> {
  const all: Record<string, string[]> = {};
  for (const [file, rows] of Object.entries(tables)) {
    const titles = rows.filter(({ threat }) => threat === number).map(({ what }) => what);
    if (titles.length > 0) all[file] = titles;
  }
  for (const [file, titles] of Object.entries(tests)) all[file] = [...(all[file] ?? []), ...titles];
  return all;
}

/** Numbers that rows of the tables name, and nobody knows. */
export const strayNumbers: readonly string[] = Object.values(tables)
  .flat()
  .map(({ threat }) => threat)
  .filter((number) => !threats.some((threat) => threat.number === number));

/** docs/threats-covered.md */
export function coveragePage(): string {
  const rows = threats.map((threat) => {
    const { number, attack, outcome } = threat;
    return `| ${number} | ${attack} | ${outcome} | ${whereOf(threat)} |`;
  });
  return `# Threats and their tests

Made by \`npm run docs:threats\` from \`test/hostile/\`; a test fails when a row has no test, or names one that is not
there. What the attackers can and cannot do stands in [threat-model.md](threat-model.md).

All ${threats.length} threats are covered. The tables in \`test/hostile/\`
hold ${attackCount} attacks on whole programs. After each of them a box runs the same release in the same processes, has written
nothing where it does not belong, and answers; after all of them it takes the next good update.

| | attack or fault | what comes of it | tests |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}

const whereOf = (threat: Threat): string =>
  Object.entries(testsOf(threat))
    .map(([file, titles]) => `\`${file}\`${titles.length > 1 ? ` (${titles.length})` : ''}`)
    .join('<br>');
