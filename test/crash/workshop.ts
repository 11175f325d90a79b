/** What is made once for all scenarios: keys, packages, a server, a clean box, and programs that stand in for others. */
import { createHash } from 'node:crypto';
import { chmodSync, linkSync, lutimesSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { formatReleaseFile } from '../../protocol/release-file.ts';
import { packageName, signatureName } from '../../protocol/version.ts';
import { listen } from '../../server/listen.ts';
import { makeKey, makePackage } from '../support/packages.ts';
import type { Disk } from './disk.ts';
import { readDisk } from './folder.ts';
import { extraFolder, programOf, service } from './releases.ts';
import { old, type ReleaseName, releases } from './scenarios.ts';

/** Where everything is made, and what it is made with. */
export interface Workshop {
  /** In memory, as thousands of disks are written there. */
  readonly folder: string;
  /** This program. */
  readonly program: string;
  /** What a box has in place of systemctl and reboot. */
  readonly bin: string;
  /** First in the path where nothing is recorded. */
  readonly quickBin: string;
  readonly guard: string;
}

/** Where the box lies that is recorded. */
export const recordedIn = (folder: string): string => join(folder, 'recorded');

export interface Furnished {
  readonly clean: Disk;
  package(name: ReleaseName): string;
  close(): Promise<void>;
}

export async function furnish(workshop: Workshop): Promise<Furnished> {
  const { folder } = workshop;
  writePrograms(workshop);
  const key = await makeKey(join(folder, 'key'));
  const paths = new Map<string, string>();
  for (const [name, { version, files }] of Object.entries(releases)) {
    const dir = join(folder, 'packages', name);
    mkdirSync(dir, { recursive: true });
    paths.set(name, (await makePackage(dir, { version, files, key })).path);
  }
  const updates = join(folder, 'packages/good');
  const { version } = releases.good;
  const bytes = readFileSync(join(updates, packageName(version)));
  const releaseFile = {
    version,
    package: packageName(version),
    signature: signatureName(version),
    public_key: 'public_key.pem',
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  };
  writeFileSync(join(updates, 'version.json'), formatReleaseFile(releaseFile));
  const server = await listen({ port: 0, host: '127.0.0.1', updates_dir: updates } as never);
  const box = join(folder, 'clean');
  await writeCleanBox(box, server.url, key.publicPath);
  return { clean: readDisk(box), package: (name) => paths.get(name)!, close: () => server.stop(0) };
}

/** What a box has that never saw an update: small, and with all that makes a copy hard. */
async function writeCleanBox(root: string, url: string, key: string): Promise<void> {
  const long = new Date('2020-02-03T04:05:06Z');
  const put = (path: string, text: string, mode = 0o644) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    chmodSync(join(root, path), mode);
  };
  const component = 'usr/local/box-config-daemon';
  const config = {
    server_url: url,
    health_stable_s: 0,
    jitter_s: 0,
    schedule: null,
    reserve_bytes: 0,
    writable_paths: [`/${component}`, '/etc/systemd/system', `/${extraFolder}`],
  };
  put(`${component}/run.sh`, programOf(old, 'stays'), 0o4755);
  put(`${component}/VERSION`, `${old}\n`);
  put(`${component}/with space`, 'odd\n', 0o600);
  linkSync(join(root, component, 'run.sh'), join(root, component, 'hard'));
  symlinkSync('../nowhere', join(root, component, 'dangling'));
  put(`etc/systemd/system/${service}`, `[Service]\nExecStart=/${component}/run.sh\n`);
  mkdirSync(join(root, 'etc/systemd/system/multi-user.target.wants'));
  symlinkSync(`../${service}`, join(root, 'etc/systemd/system/multi-user.target.wants', service));
  put('etc/opq/updater_config.json', JSON.stringify(config));
  put('var/lib/opq-updater/box-id', 'a-box\n', 0o600);
  // Not its first line, which is synced with its folder.
  put('var/lib/opq-updater/black-box.jsonl', '\n', 0o600);
  chmodSync(join(root, 'var/lib/opq-updater'), 0o700);
  mkdirSync(join(root, 'var/log/opq'), { recursive: true });
  mkdirSync(join(root, 'etc/opq-updater/keys'), { recursive: true });
  await copyFile(key, join(root, 'etc/opq-updater/keys/key.pem'));
  for (const path of ['run.sh', 'VERSION', 'dangling', 'with space', '.'])
    lutimesSync(join(root, component, path), long, long);
  for (const path of [service, `multi-user.target.wants/${service}`, 'multi-user.target.wants', '.'])
    lutimesSync(join(root, 'etc/systemd/system', path), long, long);
}

export function writePrograms({ bin, quickBin }: Pick<Workshop, 'bin' | 'quickBin'>): void {
  const programs: [string, string, string][] = [
    [
      bin,
      'systemctl',
      'case "$*" in *reboot*) : >"$OPQ_ROOT/run/asked-reboot" ;; *shutdown.target) echo Job=1 ;; esac',
    ],
    [bin, 'reboot', ': >"$OPQ_BOX_ROOT/run/asked-reboot"'],
  ];
  for (const [folder, name, line] of programs) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  }
  // A machine that is busy with other things takes seconds to sync, which proves nothing here.
  mkdirSync(quickBin, { recursive: true });
  symlinkSync('/bin/true', join(quickBin, 'sync'));
  // Uptime of a box whose updater was last heard of at 100 s.
  writeFileSync(join(bin, 'uptime'), '5000.00 1.00\n');
}
