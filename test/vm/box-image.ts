import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { boxOn } from './box.ts';
import { keepOnly } from './cache.ts';
import { makeOverlay } from './disk.ts';
import { keepEvidence } from './evidence.ts';
import { withSecondTry } from './hung-boot.ts';
import type { Image } from './image.ts';
import { type Machine, openMachine } from './machine.ts';
import { makeKeys, serverUrl } from './publisher.ts';
import { factory, service, writeContent } from './release.ts';
import { readTree, type Tree } from './tree.ts';

const run = promisify(execFile);

/** An installed box at rest, switched off: the image with our package, a configuration, a pinned key and a release. */
export interface BoxImage {
  readonly id: string;
  readonly disk: string;
  /** Folder of the key pair whose public half is pinned. */
  readonly keys: string;
  /** What is on it: whole old. */
  readonly tree: Tree;
}

/** The box's own; scenarios that change a key write it anew. */
export const config = {
  server_url: serverUrl,
  // The tests ask. A schedule would look for itself, too, some minutes after each boot.
  schedule: null,
  health_stable_s: 3,
  reserve_bytes: 16 * 1024 * 1024,
};

/** Finds it in the cache, or makes it: a minute or two. Another package, image or configuration makes another. */
export async function ensureBoxImage(
  cache: string,
  image: Image,
  programs: string,
  deb: string | null,
  say: (text: string) => void,
): Promise<BoxImage> {
  if (deb === null) throw new Error('There is no package to install: `npm run deb` has not made one.');
  // A bundler numbers names that it meets twice, in each bundle others.
  const steps = prepare.toString().replace(/(?<=[a-z])\d+\b/gi, '');
  const recipe = [image.id, await readFile(deb), JSON.stringify([config, factory, steps])];
  const digest = createHash('sha256');
  for (const part of recipe) digest.update(part);
  const id = digest.digest('hex').slice(0, 12);
  const folder = join(cache, `box-${id}`);
  await keepOnly(cache, 'box-', id, async () => {
    say('installing a box ...');
    const making = `${folder}.new`;
    await rm(making, { recursive: true, force: true });
    await mkdir(making, { recursive: true });
    await makeKeys(programs, join(making, 'keys'));
    await withSecondTry(() => install(image, making, deb, say), say);
    await rename(making, folder);
  });
  const tree = JSON.parse(await readFile(join(folder, 'tree.json'), 'utf8')) as Tree;
  return { id, disk: join(folder, 'disk.qcow2'), keys: join(folder, 'keys'), tree };
}

async function install(image: Image, folder: string, deb: string, say: (text: string) => void): Promise<void> {
  const disk = join(folder, 'disk.qcow2');
  await rm(disk, { force: true });
  await makeOverlay(disk, image.disk);
  const machine = openMachine({ folder, image: image.folder, disk });
  try {
    await prepare(machine, folder, deb);
  } catch (error) {
    await keepEvidence(machine, disk, folder);
    say(`no box could be installed; disk, console and journal are kept in ${folder}`);
    throw error;
  } finally {
    await machine.off();
  }
}

async function prepare(machine: Machine, folder: string, deb: string): Promise<void> {
  await machine.boot();
  await machine.push({ file: deb }, '/root/updater.deb');
  await machine.ok('DEBIAN_FRONTEND=noninteractive dpkg --install /root/updater.deb', { timeoutMs: 900_000 });
  await putFactoryRelease(machine, join(folder, 'factory'));
  await machine.push(`${JSON.stringify(config, null, 2)}\n`, '/etc/opq/updater_config.json');
  await machine.push({ file: join(folder, 'keys/public_key.pem') }, '/etc/opq-updater/keys/publisher.pem');
  // Each line of the log on the serial console too: the host sees it at once and keeps it over a power cut.
  await machine.push(
    '[Service]\nStandardOutput=journal+console\nStandardError=journal+console\n',
    '/usr/lib/systemd/system/opq-updater.service.d/console.conf',
  );
  await machine.ok('rm /root/updater.deb; systemctl daemon-reload; systemctl restart opq-updater.service');
  await boxOn(machine).atRest();
  await writeFile(join(folder, 'tree.json'), JSON.stringify(await readTree(machine), null, 1));
  await machine.powerOff();
}

/** By its own script, as the factory does; with attributes that only a careful undo brings back. */
export async function putFactoryRelease(machine: Machine, folder: string): Promise<void> {
  await writeContent(folder, factory);
  await writeFile(join(folder, 'VERSION'), `${factory.version}\n`);
  const { stdout } = await run('tar', ['-c', '-C', folder, '.'], { encoding: 'buffer', maxBuffer: 64 * 1024 * 1024 });
  await machine.push(stdout, '/root/factory.tar');
  await machine.ok(`mkdir /root/factory && tar -x --no-same-owner -C /root/factory -f /root/factory.tar
    cd /root/factory && bash ./install_update.sh && systemctl start ${service}
    cd /usr/local/box-config-daemon
    mkdir own && echo calibration >own/'values of this box' && ln -s 'values of this box' own/link
    chown -R somebody: own && chmod 750 own && setfacl -m u:nobody:r own/'values of this box'
    setfattr -n user.opq -v kept about.txt
    rm -r /root/factory /root/factory.tar`);
}
