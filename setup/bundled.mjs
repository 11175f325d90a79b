// Which npm packages really end up in the box's programs and its page.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

/**
 * @typedef {{ name: string, folder: string, version: string, license: string, author: unknown, by: string[] }} Library
 *   by: the libraries that import it, by name; empty = none but our own code
 * @param {string} repo
 * @returns {Promise<Library[]>} by name
 */
export async function bundledLibraries(repo) {
  const { metafile } = await build({
    absWorkingDir: repo,
    entryPoints: ['ui/cli.ts', 'ui/web/main.ts', 'ui/page/main.tsx'],
    bundle: true,
    platform: 'node',
    loader: { '.sh': 'text' },
    metafile: true,
    write: false,
    outdir: 'never-written',
    logLevel: 'error',
  });
  const importers = new Map();
  for (const [path, { imports }] of Object.entries(metafile.inputs)) {
    for (const imported of [path, ...imports.map((one) => one.path)]) {
      const folder = folderOf(imported);
      if (!folder) continue;
      if (!importers.has(folder)) importers.set(folder, new Set());
      const by = folderOf(path);
      if (by && by !== folder) importers.get(folder).add(by);
    }
  }
  const libraries = await Promise.all([...importers].map(([path, by]) => library(repo, path, [...by])));
  return libraries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.folder < b.folder ? -1 : 1));
}

/** The folder of the package that a file belongs to; none for our own files and for Node's modules. */
const folderOf = (path) => /^((?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];

async function library(repo, path, by) {
  const folder = join(repo, path);
  const { version, license, author } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  return { name: nameOf(path), folder, version, license, author, by: by.map(nameOf).sort() };
}

const nameOf = (path) => path.replace(/.*node_modules\//, '');
