// Whose work is in the package: ours, and the libraries that are bundled into the program.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { maintainer } from './control.mjs';

/** The copyright file: the licences of the libraries ask for their text to go along. */
export async function copyright(repo) {
  const libraries = await bundled(repo);
  const notices = await Promise.all(libraries.map((name) => notice(join(repo, 'node_modules', name), name)));
  return [
    `OPQ Box Updater\nCopyright: ${maintainer}\n\n`,
    'opq-updater.js also holds the libraries below, each under the licence that stands with it.\n',
    ...notices,
  ].join('');
}

/** The npm packages that really end up in the bundle, by name. */
async function bundled(repo) {
  const { metafile } = await build({
    absWorkingDir: repo,
    entryPoints: ['ui/cli.ts'],
    bundle: true,
    platform: 'node',
    loader: { '.sh': 'text' },
    metafile: true,
    write: false,
    outfile: 'never-written.js',
    logLevel: 'error',
  });
  const name = /^node_modules\/((?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+)\//;
  return [...new Set(Object.keys(metafile.inputs).flatMap((path) => name.exec(path)?.[1] ?? []))].sort();
}

async function notice(folder, name) {
  const { version, license, author } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const file = (await readdir(folder)).sort().find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? await readFile(join(folder, file), 'utf8') : `By ${author?.name ?? author ?? 'its authors'}.`;
  return `\n${'-'.repeat(72)}\n${name.replace(/.*node_modules\//, '')} ${version}: ${license}\n\n${text.trim()}\n`;
}

export const changelog = ({ version, epochS }) =>
  `opq-box-updater (${version}) stable; urgency=medium\n\n  * Version ${version}.\n\n -- ${maintainer}  ${rfc2822(epochS)}\n`;

const rfc2822 = (epochS) => new Date(epochS * 1000).toUTCString().replace('GMT', '+0000');
