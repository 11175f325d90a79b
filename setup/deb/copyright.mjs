// Whose work is in the package: ours, and the libraries that are bundled into the program.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundledLibraries } from '../bundled.mjs';
import { maintainer } from './control.mjs';

/** The copyright file: the licences of the libraries ask for their text to go along. */
export async function copyright(repo) {
  const notices = await Promise.all((await bundledLibraries(repo)).map(notice));
  return [
    `OPQ Box Updater\nCopyright: ${maintainer}\n\n`,
    'The parts of opq-updater.js, opq-updater-ui.js and the page also hold the libraries below, each under the licence that stands with it.\n',
    ...notices,
  ].join('');
}

async function notice({ name, folder, version, license, author }) {
  const file = (await readdir(folder)).sort().find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? await readFile(join(folder, file), 'utf8') : `By ${author?.name ?? author ?? 'its authors'}.`;
  return `\n${'-'.repeat(72)}\n${name} ${version}: ${license}\n\n${text.trim()}\n`;
}

export const changelog = ({ version, epochS }) =>
  `opq-box-updater (${version}) stable; urgency=medium\n\n  * Version ${version}.\n\n -- ${maintainer}  ${rfc2822(epochS)}\n`;

const rfc2822 = (epochS) => new Date(epochS * 1000).toUTCString().replace('GMT', '+0000');
