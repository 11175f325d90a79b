// npm run docs: what the documentation says and a table of the source knows. With --check it only compares.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';
import { codesPage, controlPage } from './docs-tables.mjs';

const check = process.argv.includes('--check');
const repo = new URL('../', import.meta.url);
const { edges, failsTo } = await load('daemon/machine.ts');

const pages = {
  'docs/configuration.md': () =>
    execFileSync(process.execPath, ['dist/opq-updater.js', 'config', 'reference'], { cwd: repo, encoding: 'utf8' }),
  'docs/dependencies.md': () =>
    execFileSync(process.execPath, ['setup/dependencies.mjs'], { cwd: repo, encoding: 'utf8' }),
  'docs/codes.md': async () =>
    codesPage(
      await load('protocol/error-codes.ts'),
      await load('ui/cli/exit-codes.ts'),
      await load('protocol/page.ts'),
    ),
  'docs/control-api.md': async () => controlPage(await load('protocol/operations.ts')),
  'docs/update-steps.md': (page) => page.replace(/(?<=```mermaid\n)[^`]*/, diagram()),
};

for (const [name, make] of Object.entries(pages)) {
  const path = new URL(name, repo);
  const old = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const text = await make(old);
  if (text === old) continue;
  if (!check) writeFileSync(path, text);
  else {
    console.error(`${name} is not what the source says: run "npm run docs"`);
    process.exitCode = 1;
  }
}

/** The map of daemon/machine.ts; where a step leads when it fails is dotted. */
function diagram() {
  const arrows = Object.entries(edges).flatMap(([from, next]) =>
    next.map((to) => {
      const fails = from === 'stop' ? to !== 'install' : failsTo[from] === to;
      return `  ${from} ${fails ? '-.->' : '-->'} ${to}\n`;
    }),
  );
  return `flowchart LR\n${arrows.join('')}`;
}

async function load(entry) {
  const { outputFiles } = await build({
    absWorkingDir: repo.pathname,
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
}
