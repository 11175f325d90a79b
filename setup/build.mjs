// npm run build: one file a part of a program into dist/, with everything it needs (a box runs no npm install), and the page.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { build as buildPage } from 'vite';

const programs = {
  'opq-updater': 'ui/cli.ts',
  'opq-updater-cli': 'ui/cli/main.ts',
  'opq-updater-daemon': 'daemon/main.ts',
  'opq-updater-worker': 'daemon/work/main.ts',
  'opq-updater-ui': 'ui/web/main.ts',
  'opq-release': 'server/release/cli.ts',
  'opq-update-server': 'server/main.ts',
  'opq-attended': 'server/attended/attended.ts',
  'opq-attended-worker': 'server/attended/worker.ts',
};

const repo = fileURLToPath(new URL('..', import.meta.url));

/** What is loaded late and a file of its own stays that, and lies beside. */
const apart = {
  name: 'apart',
  setup({ onResolve }) {
    onResolve({ filter: /^\./ }, ({ kind, path, resolveDir }) => {
      const file = relative(repo, resolve(resolveDir, path));
      const part = Object.keys(programs).find((name) => programs[name] === file);
      return kind === 'dynamic-import' && part ? { path: `./${part}.js`, external: true } : undefined;
    });
  },
};

const dist = new URL('../dist/', import.meta.url);
await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
// CommonJS: a module is then loaded where it is first needed, while ESM loads every import of Node's at the start.
await writeFile(new URL('package.json', dist), '{ "type": "commonjs" }\n');

for (const [name, entry] of Object.entries(programs)) {
  await build({
    absWorkingDir: repo,
    entryPoints: [entry],
    outfile: `dist/${name}.js`,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    // Where the parts are loaded by `require`: an import would load what Node has for ESM first.
    supported: { 'dynamic-import': false },
    format: 'cjs',
    minify: true,
    // On a box each of them would cost memory in every process.
    keepNames: !name.startsWith('opq-updater'),
    legalComments: 'none',
    loader: { '.sh': 'text' },
    plugins: [apart],
    // BullMQ speaks to several engines and takes a native decoder where there is one: none of these is needed.
    external: ['bullmq-otel', 'msgpackr-extract', 'pg', 'redis'],
    // Some libraries ask import.meta.url for their place, which CommonJS does not have.
    define: { 'import.meta.url': '__bundleUrl' },
    banner: { js: '#!/usr/bin/env node\nconst __bundleUrl = require("node:url").pathToFileURL(__filename).href;' },
    logLevel: 'warning',
  });
}

// Else, where the tests build, it would be one for debugging, with the paths of this machine in it.
process.env.NODE_ENV = 'production';
await buildPage({ configFile: fileURLToPath(new URL('../ui/page/vite.config.ts', import.meta.url)) });
