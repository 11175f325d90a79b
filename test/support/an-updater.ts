import { readFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../../dist', import.meta.url));
/** What an updater is made of, beside its page: the program, and the parts that it loads. */
const parts = ['opq-updater.js', 'opq-updater-cli.js', 'opq-updater-daemon.js', 'opq-updater-worker.js'];
/** Of our own package.json: libraries bring theirs. */
const own = /(?<=name:"opq-box-updater",)version:"(\d+\.\d+\.\d+)"/g;

/** What package.json says, and so every program that is built from this tree. */
export const builtVersion = (): string =>
  own[Symbol.matchAll](readFileSync(join(dist, 'opq-updater-cli.js'), 'utf8')).next().value?.[1] ?? '';

/** By name, what lies in the folder of an updater. */
export type UpdaterFiles = Readonly<Record<string, string>>;

/** A whole updater that says it is another version, as a release brings it. */
export const workingUpdater = (version: string, from = dist): UpdaterFiles =>
  Object.fromEntries(
    parts.map((name) => [name, readFileSync(join(from, name), 'utf8').replace(own, `version:"${version}"`)]),
  );

/** One that says its version when it is asked, and as a daemon runs these lines. */
export const badUpdater = (version: string, daemon: string): string =>
  `if (process.argv.includes('--version')) console.log(JSON.stringify({ version: '${version}' }));
else if (process.argv[2] === 'daemon') { ${daemon} }
`;

/** All that its folder holds, of an updater or of a program that plays one. */
export const updaterFolder = (updater: UpdaterFiles | string): UpdaterFiles => ({
  ...(typeof updater === 'string' ? { 'opq-updater.js': updater } : updater),
  'package.json': '{"type":"commonjs"}\n',
});

/** The same, by paths below a folder of a package. */
export const updaterBelow = (folder: string, updater: UpdaterFiles | string): UpdaterFiles =>
  Object.fromEntries(Object.entries(updaterFolder(updater)).map(([name, text]) => [`${folder}/${name}`, text]));

/** What update.json and the content of a package say of it. */
export const bringing = (version: string, updater: UpdaterFiles | string) => ({
  updateJson: { updater: { version, path: 'parts/opq-updater' } },
  files: updaterBelow('parts/opq-updater', updater),
});

/** The updater that is tested, for a box of its own. */
export const copyUpdater = async (folder: string): Promise<void> => {
  for (const name of parts) await copyFile(join(dist, name), join(folder, name));
};
