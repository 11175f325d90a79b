// What the package holds, path by path.
import { access, readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { changelog, copyright } from './copyright.mjs';
import { configPage, programPage } from './man.mjs';

const program = 'usr/lib/opq-box-updater';
const units = 'usr/lib/systemd/system';
const share = 'usr/share/opq-box-updater';
const doc = 'usr/share/doc/opq-box-updater';

/** What opq-updater.js and start.sh load. */
const parts = ['opq-updater-cli.js', 'opq-updater-daemon.js', 'opq-updater-worker.js', 'opq-updater-ui.js'];

/** Links in /usr/lib, where no release writes and `systemctl disable` does not look: the guard is always on. */
const staticLinks = {
  'opq-updater-guard.service': 'sysinit.target.wants',
  'opq-updater-watch.timer': 'timers.target.wants',
};

/**
 * @typedef {{ path: string, mode: number, text: string, gzip?: true }} FileEntry
 * @typedef {{ path: string, mode: number }} FolderEntry
 * @typedef {{ path: string, link: string }} LinkEntry
 * @returns {Promise<(FileEntry | FolderEntry | LinkEntry)[]>}
 */
export async function contents({ repo, version, epochS }) {
  const read = (file) => readFile(join(repo, file), 'utf8');
  const bundle = join(repo, 'dist/opq-updater.js');
  for (const built of ['opq-updater.js', ...parts, 'page/index.html']) {
    await access(join(repo, 'dist', built)).catch(() => {
      throw new Error(`dist/${built} is missing; run "npm run deb", which makes it first.`);
    });
  }
  const file = async (path, from) => ({ path, mode: 0o644, text: await read(from) });
  const exec = async (path, from) => ({ path, mode: 0o755, text: await read(from) });
  const page = (path, text) => ({ path, mode: 0o644, text, gzip: true });
  const files = 'setup/deb/files';
  const about = { bundle, version, epochS };
  const inPage = await readdir(join(repo, 'dist/page'), { recursive: true, withFileTypes: true });
  const pageFiles = inPage
    .filter((entry) => entry.isFile())
    .map((entry) => relative(repo, join(entry.parentPath, entry.name)))
    .sort();
  const unitNames = (await readdir(join(repo, 'systemd/units'))).sort();

  return [
    await exec(`${program}/opq-updater.js`, 'dist/opq-updater.js'),
    ...(await Promise.all(parts.map((name) => file(`${program}/${name}`, `dist/${name}`)))),
    ...(await Promise.all(pageFiles.map((name) => file(name.replace('dist', program), name)))),
    // Without it Node would look for a package.json in the folders above to know what kind of module that is.
    await file(`${program}/package.json`, 'dist/package.json'),
    await exec(`${program}/guard.sh`, 'systemd/guard.sh'),
    await exec(`${program}/restore.sh`, 'systemd/restore.sh'),
    await exec(`${program}/start.sh`, 'systemd/start.sh'),
    // Where systemd looks for it, whatever becomes of our units.
    await exec('usr/lib/systemd/system-generators/opq-updater-generator', 'systemd/generator.sh'),
    { path: 'usr/bin/opq-updater', link: '../lib/opq-box-updater/start.sh' },

    ...(await Promise.all(unitNames.map((name) => file(`${units}/${name}`, `systemd/units/${name}`)))),
    ...Object.entries(staticLinks).map(([name, wants]) => ({ path: `${units}/${wants}/${name}`, link: `../${name}` })),
    await file('usr/lib/sysusers.d/opq-box-updater.conf', `${files}/sysusers.conf`),
    await file('etc/logrotate.d/opq-box-updater', `${files}/logrotate`),

    await file(`${share}/updater_config.json.sample`, `${files}/updater_config.json.sample`),
    await file(`${share}/watchdog.conf`, `${files}/watchdog.conf`),
    await file(`${share}/sysctl.conf`, `${files}/sysctl.conf`),
    { path: 'etc/opq-updater/keys', mode: 0o755 },
    { path: 'etc/opq-updater/health.d', mode: 0o755 },
    { path: 'var/lib/opq-updater', mode: 0o700 },

    page('usr/share/man/man8/opq-updater.8.gz', programPage(about)),
    page('usr/share/man/man5/updater_config.json.5.gz', configPage(about)),
    page(`${doc}/changelog.gz`, changelog(about)),
    { path: `${doc}/copyright`, mode: 0o644, text: await copyright(repo) },
  ];
}
