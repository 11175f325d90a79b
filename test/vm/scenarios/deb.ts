import { execFile } from 'node:child_process';
import { createHash, createPublicKey } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { CheckUp } from '../../../protocol/views.ts';
import installer from '../../../setup/install.sh';
import { putFactoryRelease } from '../box-image.ts';
import { serverUrl } from '../publisher.ts';
import { service } from '../release.ts';
import type { Context, Scenario } from '../scenario.ts';
import { differences, readTree, type Tree } from '../tree.ts';

const run = promisify(execFile);

/** From a Debian that has never seen us to a box that is updated, and back. */
export const deb: Scenario = {
  name: 'deb',
  about: 'install.sh on a fresh Debian, twice, with cron and without; upgrades on trial and at rest; purge',
  quick: true,
  from: 'image',
  limitS: 2 * 3600,
  async run(context) {
    const { machine, deb, folder } = await prepare(context);
    const before = await everything(context);
    await install(context, deb, '--schedule daemon');
    await firstBoot(context);
    await schedules(context, deb);
    await manPages(context);
    await upgradeOnTrial(context, await laterDeb(deb, folder, '9.0'));
    await upgradeAtRest(context, await laterDeb(deb, folder, '9.1'));
    await uninstall(context);
    await nothingLeft(context, before);
    await machine.powerOff();
    return 'installed, updated, upgraded twice and purged; nothing of it is left';
  },
};

async function prepare(context: Context) {
  const { machine, deb, publisher } = context;
  if (deb === null) throw new Error('There is no package to install: `npm run deb` has not made one.');
  await machine.boot();
  await putFactoryRelease(machine, join(machine.folder, 'factory'));
  await machine.push(installer, '/root/install.sh');
  await machine.push({ file: publisher.publicKey }, '/root/publisher.pem');
  return { machine, deb, folder: machine.folder };
}

/** Runs install.sh as a person would who has package, script and key on a stick; the doctor has to be content. */
async function install(context: Context, deb: string, options: string): Promise<void> {
  const { machine, publisher, expect, say } = context;
  say(`install.sh ${options}`);
  await machine.push({ file: deb }, '/root/updater.deb');
  await timeIsKnown(context);
  const fingerprint = await fingerprintOf(publisher.publicKey);
  const { code, out, err } = await machine.run(
    `sh /root/install.sh --deb /root/updater.deb --server-url ${serverUrl} --key /root/publisher.pem \
      --fingerprint ${fingerprint} ${options}`,
  );
  expect(`exit code of install.sh, which said:\n${out}${err}\n`, code, 0);
  expect('rows that the doctor objects to', (await objections(context)).join(', '), '');
}

export async function fingerprintOf(file: string): Promise<string> {
  const der = createPublicKey(await readFile(file)).export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest('hex');
}

/** As systemd-timesyncd does once a time server has answered; there is none in here. It lasts until the reboot. */
export const timeIsKnown = ({ machine }: Context): Promise<string> =>
  machine.ok('mkdir -p /run/systemd/timesync && touch /run/systemd/timesync/synchronized');

async function objections({ box }: Context): Promise<string[]> {
  const { out } = await box.updater('doctor --json');
  return (JSON.parse(out) as CheckUp[]).flatMap(({ name, ok, found }) => (ok ? [] : [`${name}: ${found}`]));
}

async function firstBoot(context: Context): Promise<void> {
  const { machine, box, expect } = context;
  const before = await machine.bootId();
  await machine.order('systemctl reboot');
  await machine.otherBoot(before);
  expect('state after the first boot', await machine.settled(), 'running');
  await box.atRest();
  const [only = '', ...others] = await objections(context);
  // No time server in here: the one thing that this machine cannot have by itself.
  expect('what the doctor objects to', only.split(':')[0], 'clock');
  expect('anything else', others.join(', '), '');
  expect('the services of the box', (await box.unit(service)).state, 'active');
}

/** All that a person may have set, or install.sh. */
const ours = ({ machine }: Context): Promise<Tree> =>
  readTree(machine, ['/etc/opq', '/etc/opq-updater', '/etc/cron.d', '/etc/systemd/system', '/etc/sysctl.d']);

function sameTree(what: string, found: Tree, expected: Tree): void {
  const wrong = differences(found, expected);
  if (wrong.length > 0) throw new Error(`Not the same ${what}:\n${wrong.join('\n')}`);
}

/** Exactly one asks for updates. */
async function schedules(context: Context, deb: string): Promise<void> {
  const { expect } = context;
  expect('who asks at first', await whoAsks(context), 'daemon');
  await install(context, deb, '--schedule cron');
  expect('who asks after --schedule cron', await whoAsks(context), 'cron');
  const before = await ours(context);
  await install(context, deb, '');
  sameTree('after install.sh ran twice', await ours(context), before);
  await install(context, deb, '--schedule daemon');
  expect('who asks after --schedule daemon', await whoAsks(context), 'daemon');
}

async function whoAsks({ machine }: Context): Promise<string> {
  const cron = (await machine.run('test -e /etc/cron.d/opq-updater')).code === 0;
  const { schedule } = JSON.parse(await machine.ok('cat /etc/opq/updater_config.json')) as { schedule?: unknown };
  return [...(cron ? ['cron'] : []), ...(schedule === null ? [] : ['daemon'])].join(' and ');
}

async function manPages({ machine, expect }: Context): Promise<void> {
  const pages = 'man8/opq-updater.8.gz man5/updater_config.json.5.gz';
  const titles = await machine.ok(`cd /usr/share/man && for page in ${pages}; do zcat $page | grep -c '^\\.TH'; done`);
  expect('titles of the man pages', titles, '1\n1\n');
}

/** The same package under a higher version. */
async function laterDeb(deb: string, folder: string, version: string): Promise<string> {
  const tree = join(folder, `deb-${version}`);
  await mkdir(tree, { recursive: true });
  await run('dpkg-deb', ['--raw-extract', deb, tree]);
  const control = join(tree, 'DEBIAN');
  const now = /^Version: (.*)$/m.exec(await readFile(join(control, 'control'), 'utf8'))?.[1];
  if (now === undefined) throw new Error(`${deb} has no version.`);
  for (const name of await readdir(control)) {
    if (name === 'md5sums' || name === 'conffiles') continue;
    const text = await readFile(join(control, name), 'utf8');
    await writeFile(join(control, name), text.replaceAll(now, version));
  }
  const later = join(folder, `updater-${version}.deb`);
  await run('dpkg-deb', ['--root-owner-group', '-Zgzip', '--build', tree, later]);
  await rm(tree, { recursive: true });
  return later;
}

/** The daemon that began an update ends it. */
async function upgradeOnTrial(context: Context, later: string): Promise<void> {
  const { machine, box, publisher, expect } = context;
  const release = { version: 1_600_000_001, middle: 'echo waits >/dev/ttyS0; until [ -e /run/go ]; do sleep 1; done' };
  // Ours to begin: the schedule stays out of the way.
  await machine.ok('opq-updater config set auto_install false');
  const from = machine.console().length;
  await publisher.publish(release);
  await box.install();
  await machine.onConsole(/^waits/m, { from });
  const before = await daemonPid(context);
  const said = await upgrade(context, later, '9.0');
  expect('a word about the update under way', /an update is under way/.test(said), true);
  expect('pid of the daemon', await daemonPid(context), before);
  const removed = await machine.run('DEBIAN_FRONTEND=noninteractive apt-get -y remove opq-box-updater');
  expect('whether it can be removed on trial', removed.code === 0, false);
  await machine.ok('touch /run/go');
  await box.expectEnd(release.version, 'confirmed');
  expect('VERSION', await box.version(), String(release.version));
  expect('state after the update', await machine.settled(), 'running');
}

async function upgradeAtRest(context: Context, later: string): Promise<void> {
  const { box, expect } = context;
  await box.atRest();
  const before = { pid: await daemonPid(context), kept: await kept(context) };
  await upgrade(context, later, '9.1');
  expect('the daemon was restarted', (await daemonPid(context)) !== before.pid, true);
  await box.atRest();
  expect('journal, history, floor and configuration', await kept(context), before.kept);
  expect('updates in the history', (await box.history()).length, 1);
}

async function upgrade({ machine, expect, say }: Context, later: string, version: string): Promise<string> {
  say(`upgrade to ${version}`);
  await machine.push({ file: later }, '/root/later.deb');
  const said = await machine.ok('DEBIAN_FRONTEND=noninteractive dpkg --install /root/later.deb 2>&1');
  const status = await machine.ok("dpkg-query --status opq-box-updater | grep -E '^(Status|Version):'");
  expect('package', status, `Status: install ok installed\nVersion: ${version}\n`);
  return said;
}

const daemonPid = ({ machine }: Context): Promise<string> =>
  machine.ok('systemctl show --property=MainPID opq-updater.service');

const kept = ({ machine }: Context): Promise<string> =>
  machine.ok('cd /var/lib/opq-updater && sha256sum history.jsonl journal.json floor* /etc/opq/updater_config.json');

async function uninstall(context: Context): Promise<void> {
  const { machine, box, expect, say } = context;
  say('install.sh --uninstall, then with --purge');
  const state = await kept(context);
  await machine.ok('sh /root/install.sh --uninstall');
  expect('what is kept without --purge', await kept(context), state);
  const units = "systemctl list-units --all --plain --no-legend 'opq-updater*'";
  // Whether they were enabled is kept, by links that lead nowhere now.
  const there = await machine.ok(`${units} --state=loaded,masked,active,failed`);
  expect('units that are left', there, '');
  await machine.ok('sh /root/install.sh --uninstall --purge');
  expect('units of which anything is left after --purge', await machine.ok(units), '');
  expect('install.sh --uninstall of nothing', (await machine.run('sh /root/install.sh --uninstall')).code, 0);
  expect('the services of the box', (await box.unit(service)).state, 'active');
  expect('VERSION', await box.version(), '1600000001');
}

/** Every path of the disk, and of what is in memory, with kind, mode, owner and where a link leads. */
async function everything({ machine }: Context): Promise<ReadonlySet<string>> {
  const look = "find / /run -xdev -printf '%p %y %m %U:%G %l\\n'";
  return new Set((await machine.ok(look)).split('\n').filter(Boolean));
}

/** What everyone leaves who installs or updates anything: logs, books of dpkg and systemd, the release itself. */
const othersWrite = new RegExp(
  `^/(?:${[
    'root/',
    'tmp/',
    'var/tmp/',
    'run/(?:systemd|udev|log|lock|go|dbus|user|mount|initctl|utmp|cron|credentials)',
    'var/log/(?:journal/|dpkg\\.log|apt/|alternatives\\.log|wtmp|btmp|lastlog)',
    'var/(?:lib|cache)/apt/',
    'var/lib/dpkg/(?:status|available|diversions|lock|triggers/|updates/|statoverride)',
    'var/lib/systemd/',
    'var/cache/(?:ldconfig|man|debconf)/',
    'usr/local/box-config-daemon',
    'etc/systemd/system/(?:multi-user\\.target\\.wants/)?box-config-daemon\\.service',
    // Groups are never taken away: files of theirs may be left in places that nobody knows.
    'etc/(?:group|gshadow)-? ',
  ].join('|')})`,
);

async function nothingLeft(context: Context, before: ReadonlySet<string>): Promise<void> {
  const after = await everything(context);
  const added = [...after].filter((line) => !before.has(line));
  const gone = [...before].filter((line) => !after.has(line));
  const wrong = [...added.map((line) => `left: ${line}`), ...gone.map((line) => `gone: ${line}`)].filter(
    (line) => !othersWrite.test(line.slice(6)),
  );
  if (wrong.length > 0) throw new Error(`The disk is not as it was before the package:\n${wrong.join('\n')}`);
}
