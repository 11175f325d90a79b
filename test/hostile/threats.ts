/**
 * Everything that must not get in, and everything that must not break a box: a row each. Rows of the tables of
 * attacks in this folder name their threat by its number; tests elsewhere are named here, by their own titles.
 */
export interface Threat {
  readonly number: string;
  readonly attack: string;
  /** What comes of it. */
  readonly outcome: string;
  /** File below test/ to titles in it, or to what stands first in a row of its tables. */
  readonly tests?: Readonly<Record<string, readonly string[]>>;
}

const signature = 'daemon/work/verify.test.ts';
const downloads = 'daemon/channel/download.test.ts';
const http = 'daemon/channel/http.test.ts';
const archives = 'protocol/archive-hostile.test.ts';
const refused = 'daemon/scratch/refused.test.ts';
const scripts = 'daemon/scratch/scripts.test.ts';

/** Between a server and a box. */
const network: readonly Threat[] = [
  {
    number: '1',
    attack: 'Package, signature and key are all swapped on the way',
    outcome: 'only keys that are pinned on the box count',
    tests: { [signature]: ['is not trusted because of the key that the server offers'] },
  },
  {
    number: '2',
    attack: 'One bit is another: at the beginning, in the middle, at the end',
    outcome: 'refused, and the file is deleted',
    tests: { [signature]: ['flipped anywhere has it refused', 'flipped in the signature has it refused'] },
  },
  {
    number: '3',
    attack: 'The signature is missing, empty, of another key or package, too long, or has garbage in its base64',
    outcome: 'refused',
    tests: { [signature]: ['has garbage between, which Node would skip', 'of another package does not do'] },
  },
  {
    number: '4',
    attack: 'No key on the box, or a file among the keys that is a private one, too weak, or garbage',
    outcome: 'no updates, and the box says so',
    tests: {
      [refused]: ['the box has no key'],
      'daemon/keys.test.ts': ['and %s is shown as such, and the good ones are still used'],
      'protocol/keys.test.ts': ['is told by a code, whatever has become of it'],
    },
  },
  {
    number: '5',
    attack: 'A TLS certificate that signs itself, is over or of another host; TLS taken away by a redirect',
    outcome: 'refused, and nothing switches that off',
    tests: {
      'daemon/channel/tls.test.ts': [
        'refuses a certificate that %s',
        'has no switch to skip that, not even the one of Node',
        'does not follow a redirect from https to http',
      ],
    },
  },
  {
    number: '6',
    attack: 'An old package that was signed long ago, also after the state of the updater is lost',
    outcome: 'refused: below the floor',
    tests: {
      'daemon/floor.test.ts': ['holds also when the state of the updater is lost or torn, by what is installed'],
      [refused]: ['it is below the configured minimum'],
    },
  },
  {
    number: '7',
    attack: 'The same bad release again and again; failures made on purpose, to have a good release blocked',
    outcome: 'a longer wait for what nobody signed, never a verdict; only a signed release is kept away',
    tests: {
      'hostile/server.test.ts': ['it asks by itself no more for a while, and blames no release'],
      'daemon/scratch/health.test.ts': [
        'puts back a release whose service fails, remembers it, and takes it again only for a person who insists',
      ],
    },
  },
  { number: '8', attack: 'The release file of one release with the package of another', outcome: 'refused' },
  {
    number: '9',
    attack: 'A release for other hardware',
    outcome: 'refused, before the download where the release file says so',
  },
  {
    number: '10',
    attack: 'A version far in the future, after which no other would count',
    outcome: 'refused where the clock is known',
  },
  {
    number: '11',
    attack: 'A release file that is anything but one: no JSON, other types, other numbers, twice a key, ten megabytes',
    outcome: 'refused by one schema, and cut off before that by its size',
    tests: { 'protocol/release-file.test.ts': ['leads to a version that counts or to a code, whatever JSON comes'] },
  },
  {
    number: '12',
    attack: 'A body without end, longer or shorter than announced, or cut off',
    outcome: 'left at the limit; never taken for whole',
    tests: {
      [http]: ['without end is left at the limit', '%s is not taken for a whole one'],
      [downloads]: ['such as one over the limit is refused before or when it gets there'],
    },
  },
  {
    number: '13',
    attack: 'Silence, headers without end, a byte now and then',
    outcome: 'left after a time, or for being slower than it may',
    tests: {
      [http]: ['of one byte now and then is given up', 'gives up on a server that %s'],
      [downloads]: ['is not followed for ever because each try brings a byte'],
    },
  },
  {
    number: '14',
    attack: 'A redirect: to another host, to the box itself, to a file, without TLS, in a circle',
    outcome: 'not followed',
    tests: { [http]: ['follows no redirect %i, to whatever place'] },
  },
  {
    number: '15',
    attack: 'Lies about what is resumed: another range, size or file; a beginning that somebody put there',
    outcome: 'fetched anew, and given up when that goes on; one clean download before anyone is blamed',
    tests: {
      [downloads]: ['and %s is asked for the whole file', 'and %s every time is given up'],
      'daemon/work/download.test.ts': ['is fetched once more from its beginning before anyone is blamed'],
      'hostile/server.test.ts': ['the next good update gets in, over what somebody put into its place meanwhile'],
    },
  },
  {
    number: '16',
    attack: 'A packed answer: 48 kB become 50 MB in memory',
    outcome: 'refused unread',
    tests: { [http]: ['refuses an answer that is encoded as %s'] },
  },
  {
    number: '17',
    attack: 'The log-in page of a Wi-Fi with status 200; any other status; "come back in a day"',
    outcome: 'told as what it is; the box keeps its own times',
    tests: { [http]: ['does not take %i for an answer (%s) and does not wait for a better one'] },
  },
  {
    number: '18',
    attack: 'File names from the server: other folders, addresses, line ends, 300 characters',
    outcome: 'refused: a name follows from its version',
    tests: { 'daemon/channel/detached.test.ts': ['names a package elsewhere'] },
  },
  {
    number: '19',
    attack: 'A clock at 1970 or 2038, or one that jumps',
    outcome: 'updates go on, and times in them are not taken from that clock',
    tests: {
      'daemon/schedule.test.ts': ['by half a century, it checks once and goes on from there'],
      // biome-ignore lint/suspicious/noTemplateCurlyInString: that is how it stands there
      'vm/scenarios/clocks.ts': ['clock-${year}'],
    },
  },
];

/** In packages that somebody signed by mistake. */
const packages: readonly Threat[] = [
  {
    number: '20',
    attack: 'Names that lead elsewhere, steer a terminal, are cut at a NUL, or are too many, too long, too deep',
    outcome: 'refused before a byte is unpacked',
    tests: { [archives]: ['is refused when it holds %s'] },
  },
  { number: '21', attack: 'Links, devices, pipes, files with holes', outcome: 'refused: files and folders only' },
  {
    number: '22',
    attack: 'setuid, setgid, files that all may write, owners of another machine',
    outcome: "modes cut down to 0755, and all of it is root's",
    tests: {
      'daemon/work/unpack.test.ts': ['writes exactly the files of the package, with modes that are safe, by %s'],
      'protocol/archive.test.ts': [
        'loses setuid, setgid and write permission for others, and keeps what its owner needs',
      ],
    },
  },
  {
    number: '23',
    attack: 'Names twice, also by case or Unicode form; other or several top folders',
    outcome: 'refused',
  },
  {
    number: '24',
    attack: 'Bombs: a few hundred bytes that unpack to 300 MB; sizes of 8 GiB, or below zero',
    outcome: 'refused at the limit, within the memory of the child',
  },
  {
    number: '25',
    attack: 'Cut off, two in one, empty, gzip, zip, a web page',
    outcome: 'refused as corrupt',
    tests: { 'protocol/bzip2.test.ts': ['are refused at every length but the whole, and with any byte behind it'] },
  },
  {
    number: '26',
    attack: 'An unpacking that goes on after it failed',
    outcome: 'nothing is written before all of it was judged; looked at again half a second later',
  },
  { number: '27', attack: 'VERSION or install_update.sh missing, empty, a folder, binary, huge', outcome: 'refused' },
  {
    number: '28',
    attack:
      'A script that fails, hangs, stays, fills the disk, writes outside, kills the updater, reboots, prints too much',
    outcome: 'ended and undone; what it wants to write outside is refused',
    tests: {
      [scripts]: [
        'hangs',
        'kills the updater',
        'prints a line of twenty million characters',
        'leaves a process behind',
        'reboots before it is done',
      ],
      'vm/scenarios/bad-scripts.ts': ['bad-scripts'],
    },
  },
];

/** On a box. */
const box: readonly Threat[] = [
  {
    number: '29',
    attack: 'A power cut at any moment of any step, also with writes that were lost or torn',
    outcome: 'the old release or the new one, whole',
    tests: {
      'daemon/scratch/cut-off.test.ts': ['in the step %s'],
      'vm/scenarios/power-cuts.ts': ['cuts-in-script'],
      'vm/scenarios/lossy-disk.ts': ['lossy-disk'],
    },
  },
  {
    number: '30',
    attack: 'A full, read-only or failing disk; files of the updater torn or garbage',
    outcome: 'a clean failure, and the old release runs',
    tests: {
      [refused]: ['the disk is too small'],
      [downloads]: ['ends the download as such and gets its space back'],
      'daemon/scratch/journal.test.ts': [
        'is at rest whatever becomes of the journal of a box at rest, and keeps the bad files',
      ],
      'daemon/engine.test.ts': [
        'puts a release back that fills the disk as soon as it runs, and has written down that it does',
        'gives an update up, with all that it fetched and copied, when the disk is full of that',
      ],
      'systemd/guard.test.ts': [
        'puts it back on a disk that the release has filled, in the room that the updater took for that',
      ],
      'daemon/unreadable.test.ts': [
        'takes updates and shows its status whatever of its small files the disk cannot read any more',
      ],
      [scripts]: ['puts the earlier release back and starts it though nothing can be written down any more'],
    },
  },
  {
    number: '31',
    attack: 'Links planted in the folders of the updater; folders that others may write to',
    outcome: 'refused, and nothing is written through them',
    tests: {
      'daemon/scratch/unsafe-folders.test.ts': [
        'is a link',
        'writes nothing through links in the download folder that have the names of its own files',
        'does not start on a state folder that leads elsewhere, and starts once it is right again',
      ],
    },
  },
  {
    number: '32',
    attack: 'The package is swapped between its verification and its use',
    outcome: 'what was verified is what is used: judged and unpacked by one reading, into a private folder',
    tests: {
      'daemon/work/unpack.test.ts': [
        'package and signature may be swapped: what was verified is what is used',
        'another folder, or a link to one, in the place of what was judged is refused',
      ],
    },
  },
  {
    number: '33',
    attack: 'Two who begin an update at once; two daemons',
    outcome: 'one at a time',
    tests: {
      'daemon/scratch/undo.test.ts': [
        'does one thing at a time, whoever asks',
        'has one daemon: a second one ends at once and disturbs nothing',
      ],
    },
  },
  {
    number: '34',
    attack: 'A local user at the sockets; the page, which asks for what only root may',
    outcome: 'two sockets by owner and mode, each with its own operations',
    tests: { 'ui/line-to-daemon.test.ts': ['anybody else may do nothing: exit 8'] },
  },
  {
    number: '35',
    attack: 'Passwords, tokens and control characters on their way into logs, messages, status and journal',
    outcome: 'never there: planted ones are searched for after all attacks',
    tests: {
      'hostile/server.test.ts': ['its passwords are nowhere but in its configuration'],
      'hostile/update-server.test.ts': [
        'tells no secret in its log, keeps each answer on its line, and stays within its memory',
      ],
      'protocol/address.test.ts': ['is shown without it: %j'],
      'daemon/log.test.ts': ['keeps every text on its one line, whatever a script or server says'],
    },
  },
  {
    number: '36',
    attack: 'A release that is bad after the boot: services, network, hangs, no updater, masked units',
    outcome: 'not confirmed, and put back; by the guard where the updater cannot',
    tests: {
      'vm/scenarios/bad-after-boot.ts': ['health-failed', 'network-lost', 'guard-masked', 'reboot-loop'],
      'systemd/guard.test.ts': [
        'puts the earlier release back after three boots in which the updater never reported, and reboots',
      ],
    },
  },
  {
    number: '36b',
    attack: 'The updater is killed while the script runs, and the script goes on',
    outcome: 'the script is ended for good before anything else',
    tests: { [scripts]: ['kills the updater'], 'vm/scenarios/updater-dies.ts': ['updater-dies'] },
  },
  {
    number: '36c',
    attack: 'The kept copy of the earlier release has rotted',
    outcome: 'seen before anything is touched; the package of that release is kept, and named, for a person to install',
    tests: {
      'daemon/keep-package.test.ts': [
        'names the package to install when the copy of its release has rotted, on trial and later',
      ],
      'daemon/scratch/journal.test.ts': [
        'is stuck, says so, and waits for a person when the copy of the earlier release has rotted',
      ],
      'daemon/engine.test.ts': [
        'stops no service for a copy that is damaged, and starts those that the update stopped',
      ],
    },
  },
  {
    number: '36d',
    attack: 'Something that the release left running, or that nobody told of, writes on while the release is undone',
    outcome:
      'a reboot ends what is of the release, and the undo is done again; what is of the box may write, and is said',
    tests: {
      'daemon/stuck.test.ts': ['a box that is stuck'],
      'daemon/engine.test.ts': ['something writes on while the undo is proven'],
      'vm/scenarios/bad-after-boot.ts': ['writes-on'],
    },
  },
];

const routes = 'ui/web/routes.test.ts';
const login = 'ui/web/login.test.ts';

/** At the page. */
const page: readonly Threat[] = [
  {
    number: '37',
    attack: 'Anyone on the network of the box',
    outcome: 'every route but the login and the empty page needs a session, also those that are not there',
    tests: { [routes]: ['has a row for each route of the router', 'without a session'] },
  },
  {
    number: '38',
    attack: 'Requests that other web pages make, or that come under another host name',
    outcome: 'exact names; whatever acts has to come from the page itself, as JSON',
    tests: { [routes]: ['under another host name', 'from another page', 'as a form sends it', 'by GET'] },
  },
  {
    number: '39',
    attack: 'Scripts in release notes, names and log lines; the page in a frame',
    outcome: 'the browser runs nothing but the files of the page, in no frame; answers are JSON and never guessed at',
    tests: {
      [routes]: ['without a session'],
      'ui/page/update.test.ts': ['shows what a release says of itself as text, whatever is in it'],
      'ui/page/built.test.ts': [
        'has nothing inline and nothing from elsewhere, so that the strictest policy lets it through',
        'never makes markup of text, evaluates it or writes it into the page',
      ],
    },
  },
  {
    number: '40',
    attack: 'Guessing the password',
    outcome: 'a PIN that is seen on the box alone and burns after five tries; then slower with each try',
    tests: {
      [login]: [
        'burns a PIN after five tries, also when the server was started again in between',
        'is slow, and nobody else is slowed down by it',
        'of a password says the same whatever is wrong',
      ],
    },
  },
  {
    number: '41',
    attack: 'A stolen session',
    outcome: 'over after half an hour without use, twelve hours, or a new password; kept as a hash',
    tests: {
      [login]: ['is over %s', 'ends with the password and with the logout, and no secret is in what the server keeps'],
    },
  },
  {
    number: '42',
    attack: 'Bodies that are huge, slow or deep; a thousand event streams',
    outcome: 'bounded before anybody is signed in; one line to the daemon for all streams',
    tests: {
      'hostile/page.test.ts': ['to serve a thousand event streams', 'logins that never end'],
      'ui/web/relay.test.ts': ['serves so many streams of one session and no more'],
      'daemon/scratch/upload.test.ts': ['takes not a byte more than was announced'],
    },
  },
  {
    number: '43',
    attack: 'Error pages that tell too much',
    outcome: 'constant answers',
  },
];

/** At the update server. */
const server: readonly Threat[] = [
  {
    number: '44',
    attack: 'Paths out of its folder, codes, NUL, links, files with a dot, files that are not whole',
    outcome: 'not found: only packages that are listed',
    tests: {
      'server/hostile.test.ts': ['%s is not found, and nothing is told'],
      'server/updates-folder.test.ts': ['follows no link and takes no folder for a file'],
    },
  },
  {
    number: '45',
    attack: 'A release that is published half-way',
    outcome: 'not seen before it is whole',
    tests: {
      'server/release/publish.test.ts': [
        'lets the package appear first, then the signature, the key, and version.json last',
        'leaves whole releases and a true version.json whenever it is killed, and finishes when it is run again',
      ],
    },
  },
  {
    number: '46',
    attack: 'Versions of different length',
    outcome: 'in the order of numbers',
    tests: { 'server/routes.test.ts': ['names the packages oldest first, by number and not by text'] },
  },
  {
    number: '47',
    attack: 'On-demand builds: names for a shell, cut hashes, floods, a builder that signs anything',
    outcome: 'refused before anything is done; the index signed offline decides what a builder may sign',
    tests: {
      'daemon/scratch/attended.test.ts': [
        'of a builder that is not pinned here',
        'that was changed on the way',
        'with a component that the index does not have',
        'with a configuration that nobody asked for',
        'signed by the key of releases, which builds nothing',
        'is installed by the script of the box, whatever script it brings',
        'that has expired is refused by the box itself, before and after a build',
        'a server without builds on demand is none for this channel, though it has a newer release',
        'what a builder signed is no release that a person could bring',
      ],
      'server/attended/builder.test.ts': [
        'makes images in which a box refuses whatever a stolen key of a builder would add',
        'does not pack a component whose files are not those of the index',
        'does not build what is asked for past the server, when the index does not have it',
      ],
      'server/attended/queue.test.ts': [
        'holds no more than its limit of two thousand requests, keeps what it took, and the server stays quick',
        'lets one client have no more than its share of new builds in an hour',
      ],
      'server/attended/lifetimes.test.ts': [
        'takes what was used longest ago, and never what is younger than an hour or being downloaded',
      ],
    },
  },
  {
    number: '48',
    attack: 'Slow clients, huge headers, thousands of connections, thousands of requests in one',
    outcome: 'refused or left waiting; others are answered, within its memory',
    tests: {
      'server/slow-clients.test.ts': ['keeps answering others while many clients dawdle'],
      'hostile/update-server.test.ts': ['to be held up by %s'],
    },
  },
];

export const threats: readonly Threat[] = [...network, ...packages, ...box, ...page, ...server];
