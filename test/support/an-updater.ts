import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const bundle = fileURLToPath(new URL('../../dist/opq-updater.js', import.meta.url));
/** Of our own package.json: libraries bring theirs. */
const own = /(?<=name:"opq-box-updater",)version:"(\d+\.\d+\.\d+)"/;

/** What package.json says, and so every program that is built from this tree. */
export const builtVersion = (): string => own.exec(readFileSync(bundle, 'utf8'))?.[1] ?? '';

/** A whole updater that says it is another version, as a release brings it. */
export const workingUpdater = (version: string, from = bundle): string =>
  readFileSync(from, 'utf8').replace(own, `version:"${version}"`);

/** One that says its version when it is asked, and as a daemon runs these lines. */
export const badUpdater = (version: string, daemon: string): string =>
  `if (process.argv.includes('--version')) console.log(JSON.stringify({ version: '${version}' }));
else if (process.argv[2] === 'daemon') { ${daemon} }
`;

/** What update.json and the content of a package say of it. */
export const bringing = (version: string, program: string) => ({
  updateJson: { updater: { version, path: 'parts/opq-updater' } },
  files: { 'parts/opq-updater/opq-updater.js': program, 'parts/opq-updater/package.json': '{"type":"commonjs"}\n' },
});
