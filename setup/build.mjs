// npm run build: one file a process into dist/, with everything it needs (a box runs no npm install), and the page.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { build as buildPage } from 'vite';

const programs = {
  'opq-updater': 'ui/cli.ts',
  'opq-updater-ui': 'ui/web/main.ts',
  'opq-release': 'server/release/cli.ts',
  'opq-update-server': 'server/main.ts',
  'opq-attended': 'server/attended/attended.ts',
  'opq-attended-worker': 'server/attended/worker.ts',
};

/** Builds on demand are a file of their own, which the update server loads only with their settings. */
const attendedApart = {
  name: 'attended-apart',
  setup({ onResolve }) {
    onResolve({ filter: /\/attended\/attended\.ts$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: './opq-attended.js', external: true } : undefined,
    );
  },
};

const dist = new URL('../dist/', import.meta.url);
await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
// CommonJS: a module is then loaded where it is first needed, while ESM loads every import of Node's at the start.
await writeFile(new URL('package.json', dist), '{ "type": "commonjs" }\n');

for (const [name, entry] of Object.entries(programs)) {
  await build({
    absWorkingDir: new URL('..', import.meta.url).pathname,
    entryPoints: [entry],
    outfile: `dist/${name}.js`,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    minify: true,
    // On a box each of them would cost memory in every process.
    keepNames: !name.startsWith('opq-updater'),
    legalComments: 'none',
    loader: { '.sh': 'text' },
    plugins: [attendedApart],
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
