// npm run test:hostile - every attack, also those that only take time (about ten minutes), and what they cost.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'opq-hostile-'));
const [figures, results] = ['figures.jsonl', 'results.json'].map((name) => join(folder, name));
const { status } = spawnSync(
  'npx',
  [
    ...['vitest', 'run', '--config', 'vitest.hostile.config.ts', 'test/hostile'],
    ...['--reporter=default', '--reporter=json', `--outputFile.json=${results}`],
  ],
  { stdio: 'inherit', env: { ...process.env, HOSTILE_FIGURES: figures } },
);

const mb = (value) => `${Math.round(value)} MB`;
const seconds = (value) => `${Math.round(value)} s`;
for (const line of readFileSync(figures, 'utf8').trim().split('\n')) {
  const { name, idleMb, daemonMb, peakMb, childMb, childLimitMb, heldS, limitS, threats, attacks } = JSON.parse(line);
  if (threats !== undefined) console.log(`${threats} threats, ${attacks} attacks on whole programs`);
  else if (heldS !== undefined)
    console.log(`${name}: held ${seconds(heldS)}, its start included; limit ${seconds(limitS)}`);
  else if (peakMb !== undefined) console.log(`${name}: ${mb(idleMb)} at rest, at most ${mb(peakMb)}`);
  else {
    const child = childMb > 0 ? `, child at most ${mb(childMb)} (limit ${childLimitMb} MB)` : '';
    console.log(`${name}: daemon ${mb(idleMb)} at rest, at most ${mb(daemonMb)} (limit ${mb(idleMb + 40)})${child}`);
  }
}
const { numTotalTests, numPassedTests, numFailedTests } = JSON.parse(readFileSync(results, 'utf8'));
console.log(`${numTotalTests} tests of attacks: ${numPassedTests} passed, ${numFailedTests} failed`);
rmSync(folder, { recursive: true });
process.exit(status ?? 1);
