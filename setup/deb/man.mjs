// The man pages, from what the packed program itself says of its verbs and keys: they cannot drift from it.
import { execFileSync } from 'node:child_process';
import { bold, example, header, italic, item, plain, section } from './roff.mjs';

const ask = (bundle, args) =>
  JSON.parse(execFileSync(process.execPath, [bundle, ...args, '--json'], { encoding: 'utf8' }));

/** opq-updater(8) */
export function programPage(about) {
  const { verbs, options, exit_codes } = ask(about.bundle, ['help']);
  return [
    header('opq-updater', 8, about),
    section('NAME', 'opq\\-updater \\- keep an OPQ Box up to date\n'),
    section('SYNOPSIS', `${bold('opq-updater')} ${italic('VERB')} [${italic('OPTIONS')}]\n`),
    section('DESCRIPTION', description),
    section('VERBS', verbs.map(verbItem).join('')),
    section('OPTIONS', `Taken by every verb:\n${optionItems(options)}`),
    section(
      'EXIT STATUS',
      Object.entries(exit_codes)
        .map(([code, meaning]) => item(code, `${plain(meaning)}.`))
        .join(''),
    ),
    section('ENVIRONMENT', item(bold('OPQ_UPDATER_ROOT'), 'Folder of the box, where it is not the machine itself.')),
    section('FILES', files.map(([path, told]) => item(italic(path), told)).join('')),
    section('SEE ALSO', `.BR updater_config.json (5),\n.BR journalctl (1)\n`),
  ].join('');
}

const description = `Fetches signed update packages, checks them against the keys that are pinned on this box, installs them, reboots,
and confirms them by the health of the box\\(aqs own services. Anything else puts the earlier release back.
.PP
A daemon, ${bold('opq-updater.service')}, does the work, at the times that the configuration says or when it is asked to
by this program. It goes on whatever happens to the terminal.
.PP
The version that runs is the one that ${italic('/opt/opq-updater/current')} leads to, unless that is marked bad; else
the one of the Debian package. A guard without Node or anything of a release, ${bold('opq-updater-guard.service')} and
${bold('opq-updater-watch.timer')}, puts the earlier release back when a new one took the updater with it.
`;

const files = [
  ['/etc/opq/updater_config.json', 'Configuration.'],
  ['/etc/opq-updater/keys', 'Pinned public keys: who may sign updates for this box.'],
  ['/etc/opq-updater/health.d', 'Programs that have to succeed before an update is confirmed.'],
  ['/var/lib/opq-updater', 'What is under way, the copies of earlier releases, the history.'],
  ['/var/opq/updater', 'Downloads.'],
  ['/var/log/opq/box_updater.log', 'Log; the journal has it too.'],
  ['/etc/cron.d/opq-updater', 'There where cron asks for updates in place of the daemon.'],
  ['/etc/opq-updater/page.json', 'How the page is reached: more names, a certificate. A box needs none.'],
  ['/var/lib/opq-updater-ui', 'Password and sessions of the page, as hashes.'],
  ['/run/opq-updater/control.sock', 'Where the daemon answers root; page.sock beside it is for the page.'],
];

function verbItem({ name, usage, about, examples, options }) {
  return [
    item(`${bold(name)} ${plain(usage)}`.trim(), `${plain(about)}.`),
    options ? `.RS\n${optionItems(options)}.RE\n` : '',
    `.RS\n.PP\n${example(examples)}.RE\n`,
  ].join('');
}

const optionItems = (options) =>
  Object.entries(options)
    .map(([name, { short, value, about }]) => {
      const spelling = [...(short ? [bold(`-${short}`)] : []), bold(`--${name}`)].join(', ');
      return item(value ? `${spelling} ${italic(value)}` : spelling, `${plain(about)}.`);
    })
    .join('');

/** updater_config.json(5) */
export function configPage(about) {
  const keys = ask(about.bundle, ['config', 'reference']);
  return [
    header('updater_config.json', 5, about),
    section('NAME', 'updater_config.json \\- configuration of the OPQ Box Updater\n'),
    section('SYNOPSIS', `${italic('/etc/opq/updater_config.json')}\n`),
    section('DESCRIPTION', configDescription),
    section('KEYS', keys.map(keyItem).join('')),
    section('EXAMPLE', example(['{', '  "server_url": "https://updates.example/",', '  "window": "01:00-05:00"', '}'])),
    section('SEE ALSO', '.BR opq\\-updater (8)\n'),
  ].join('');
}

const configDescription = `One JSON object. A key that is left out has its default. A wrong one holds new updates back until it is
mended, and nothing else: ${bold('opq-updater config check')} names it.
.PP
${bold('opq-updater config set')} ${italic('KEY VALUE')} writes one key, and tells the daemon. The package makes the file
from a sample when there is none; an upgrade leaves it alone.
`;

function keyItem({ key, meaning, expected, default: byDefault, page }) {
  const value = bold(JSON.stringify(byDefault));
  const where = page ? ' May also be set on the page, over this file.' : '';
  return item(
    bold(key),
    `${plain(meaning)}${where}\n.RS\n.PP\nExpected: ${plain(expected)}.\n.br\nDefault: ${value}\n.RE`,
  );
}
