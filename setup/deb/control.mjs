// What dpkg reads: the control file, and the maintainer scripts with their units filled in.
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';

export const maintainer = 'OPQ Box Updater maintainers <maintainers@opq-box-updater.invalid>';

/** @returns {Promise<{ path: string, mode: number, text: string }[]>} below DEBIAN/ */
export async function controlFiles({ version }, entries, md5sums) {
  const files = entries.filter(({ text }) => text !== undefined);
  const kib = files.reduce((sum, { text }) => sum + Math.ceil(Buffer.byteLength(text) / 1024), entries.length);
  const conffiles = files.filter(({ path }) => path.startsWith('etc/')).map(({ path }) => `/${path}\n`);
  const words = { VERSION: version, ...unitWords(files) };
  return [
    { path: 'DEBIAN/control', mode: 0o644, text: control(version, kib) },
    { path: 'DEBIAN/conffiles', mode: 0o644, text: conffiles.join('') },
    { path: 'DEBIAN/md5sums', mode: 0o644, text: md5sums },
    { path: 'DEBIAN/postinst', mode: 0o755, text: await script('postinst', words) },
    { path: 'DEBIAN/prerm', mode: 0o755, text: await script('prerm', words) },
    { path: 'DEBIAN/postrm', mode: 0o755, text: await script('postrm', words) },
  ];
}

const control = (version, kib) => `Package: opq-box-updater
Version: ${version}
Architecture: all
Maintainer: ${maintainer}
Installed-Size: ${kib}
Depends: nodejs (>= 20.19), bzip2, tar, systemd
Recommends: lbzip2, logrotate, iproute2
Section: admin
Priority: optional
Description: keeps an OPQ Box up to date
 Fetches signed update packages for an OPQ Box, checks them against keys that
 are pinned on the box, installs them, reboots, and confirms them by the health
 of the box's own services. Anything else puts the earlier release back,
 whatever fails and whenever the power goes.
`;

/** Which units are switched on, and which are there: as the unit files say, so that a new one is not forgotten. */
function unitWords(files) {
  const units = files.filter(({ path }) => path.startsWith('usr/lib/systemd/system/'));
  const names = (chosen) => chosen.map(({ path }) => basename(path)).join(' ');
  const enabled = units.filter(({ text }) => /^\[Install\]$/m.test(text));
  return {
    UNITS: names(units),
    ENABLED: names(enabled),
    // A socket cannot be started while the service that it belongs to runs without it.
    SOCKETS: names(enabled.filter(({ path }) => path.endsWith('.socket'))),
  };
}

async function script(name, words) {
  const read = (file) => readFile(new URL(`scripts/${file}`, import.meta.url), 'utf8');
  const text = (await read(name)).replace(
    '#INCLUDE under-way.sh\n',
    (await read('under-way.sh')).replace(/^#!.*\n/, ''),
  );
  return text.replaceAll(/@([A-Z]+)@/g, (all, word) => words[word] ?? all);
}
