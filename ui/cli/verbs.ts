import type { Option, Verb } from './arguments.ts';
import { daemonVerbs } from './daemon-verbs.ts';

const wait = {
  wait: { type: 'boolean', about: 'Stay until the verdict (on a real box its reboot ends this too: exit 9)' },
  patience: {
    type: 'string',
    value: 'SECONDS',
    about: 'With --wait: the longest silence to bear (default 120; once services stop 1800)',
  },
} as const satisfies Record<string, Option>;

const builder = {
  builder: { type: 'boolean', about: 'A key of a server that builds on demand: it signs no releases' },
} as const satisfies Record<string, Option>;

const lines = { lines: { type: 'string', short: 'n', value: 'N', about: 'How many' } } as const;

/** The command line, row by row. What a verb does is loaded when it is used. */
export const verbs: readonly Verb[] = [
  {
    name: 'status',
    usage: '[--follow | --health]',
    about: 'Shows what runs on this box, what is available, and what holds updates back',
    examples: ['opq-updater status', 'opq-updater status --follow', 'opq-updater status --json | jq .installed'],
    options: {
      follow: { type: 'boolean', short: 'f', about: 'Show each change until interrupted' },
      health: { type: 'boolean', about: 'Print the JSON that OPQ Health reads; exits with 5 when a person is needed' },
    },
    run: async (call) => (await import('./status.ts')).status(call),
  },
  {
    name: 'check',
    usage: '[--install [--wait]]',
    about: 'Asks the server what is newest; exits 0 with or without news',
    examples: ['opq-updater check', 'opq-updater check --install   # what cron calls'],
    options: { install: { type: 'boolean', about: 'Begin the update, if there is one and no gate holds it' }, ...wait },
    run: async (call) => (await import('./update.ts')).check(call),
  },
  {
    name: 'install',
    usage: '[PACKAGE | --version N] [--wait] [--retry] [--allow-downgrade]',
    about: 'Begins an update to what the server offers, or from PACKAGE with its .sig beside it',
    examples: [
      'opq-updater install --wait',
      'opq-updater install --version 1550190683',
      'opq-updater install /media/usb/opq-box-update-1550190683.tar.bz2 --wait',
    ],
    options: {
      version: { type: 'string', value: 'N', about: 'Only this release, whatever is newest' },
      retry: { type: 'boolean', about: 'Even a release that failed on this box before' },
      'allow-downgrade': { type: 'boolean', about: 'Even a PACKAGE older than the lowest version accepted' },
      ...wait,
    },
    words: [0, 1],
    run: async (call) => (await import('./update.ts')).install(call),
  },
  {
    name: 'components',
    usage: '',
    about: 'Shows the components that run here beside those that the server could build an update of',
    examples: ['opq-updater components'],
    run: async (call) => (await import('./components.ts')).components(call),
  },
  {
    name: 'upgrade',
    usage: '[COMPONENT...] [--add NAME] [--remove NAME] [--retry]',
    about: 'Has an update built of the components that run here, or of these COMPONENTs, and stays until the verdict',
    examples: ['opq-updater upgrade', 'opq-updater upgrade --add display --remove plugin-thd'],
    options: {
      add: { type: 'string', multiple: true, value: 'NAME', about: 'One more component; may be given again' },
      remove: { type: 'string', multiple: true, value: 'NAME', about: 'Without this component; may be given again' },
      retry: { type: 'boolean', about: 'Even an image that failed on this box before' },
      patience: wait.patience,
    },
    words: [0, 500],
    run: async (call) => (await import('./components.ts')).upgrade(call),
  },
  {
    name: 'cancel',
    usage: '',
    about: 'Ends the update under way while nothing has been changed yet',
    examples: ['opq-updater cancel'],
    run: async (call) => (await import('./update.ts')).cancel(call),
  },
  {
    name: 'rollback',
    usage: '[--wait | --dry-run | --offline [--yes] [--no-reboot]]',
    about: 'Puts the earlier release back; what others changed since the update stays, or is kept aside',
    examples: [
      'opq-updater rollback --dry-run',
      'opq-updater rollback --wait',
      'opq-updater rollback --offline   # when the daemon does not run',
    ],
    options: {
      offline: { type: 'boolean', about: 'As root, without the daemon; the box then reboots' },
      yes: { type: 'boolean', about: 'With --offline: do not ask' },
      'no-reboot': { type: 'boolean', about: 'With --offline: leave the reboot to you' },
      'dry-run': { type: 'boolean', about: 'Only show what it would restore, keep aside and leave' },
      ...wait,
    },
    run: async (call) => (await import('./update.ts')).rollback(call),
  },
  {
    name: 'why',
    usage: '',
    about: 'Shows every condition that may hold updates back: what it finds, what it needs, since when',
    examples: ['opq-updater why'],
    run: async (call) => (await import('./why.ts')).why(call),
  },
  {
    name: 'postpone',
    usage: 'TIME [--reason TEXT] | --end',
    about: 'Holds automatic updates back for a while; it ends by itself, and a person may install all the same',
    examples: ['opq-updater postpone 2h --reason "measurement running"', 'opq-updater postpone --end'],
    options: {
      reason: { type: 'string', value: 'TEXT', about: 'Why, for whoever wonders' },
      end: { type: 'boolean', about: 'Let them go on now' },
    },
    words: [0, 1],
    run: async (call) => (await import('./postpone.ts')).postpone(call),
  },
  {
    name: 'doctor',
    usage: '',
    about: 'Looks at everything that an update needs, and says what to do about what is not well',
    examples: ['opq-updater doctor'],
    run: async (call) => (await import('./doctor.ts')).doctor(call),
  },
  {
    name: 'history',
    usage: '[-n N]',
    about: 'Lists past updates, newest first, with their reasons',
    examples: ['opq-updater history', 'opq-updater history -n 5'],
    options: lines,
    run: async (call) => (await import('./history.ts')).history(call),
  },
  {
    name: 'log',
    usage: '[-f] [-n N]',
    about: 'Shows the last lines of the log',
    examples: ['opq-updater log -n 20', 'opq-updater log -f'],
    options: { follow: { type: 'boolean', short: 'f', about: 'Show each new line until interrupted' }, ...lines },
    run: async (call) => (await import('./log.ts')).log(call),
  },
  {
    name: 'keys list',
    usage: '',
    about: 'Lists the pinned keys: who may sign updates for this box',
    examples: ['opq-updater keys list'],
    run: async (call) => (await import('./keys.ts')).list(call),
  },
  {
    name: 'keys add',
    usage: 'FILE|URL [--name NAME] [--builder] [--fingerprint HEX | --yes]',
    about: 'Pins a public key after its fingerprint was confirmed, by its last 8 digits or by --fingerprint',
    examples: [
      'opq-updater keys add public_key.pem',
      'opq-updater keys add http://updates.example/public_key.pem --name publisher',
      'opq-updater keys add builder_public_key.pem --builder',
    ],
    options: {
      name: { type: 'string', value: 'NAME', about: "What to call it here (default: the file's name without .pem)" },
      fingerprint: { type: 'string', value: 'HEX', about: 'Pin it without asking if this is its whole fingerprint' },
      yes: { type: 'boolean', about: 'Pin it without asking: only where the source itself is trusted' },
      ...builder,
    },
    words: [1, 1],
    run: async (call) => (await import('./keys.ts')).add(call),
  },
  {
    name: 'keys remove',
    usage: 'NAME [--builder]',
    about: 'Unpins a key by its name or fingerprint',
    examples: ['opq-updater keys remove publisher'],
    options: builder,
    words: [1, 1],
    run: async (call) => (await import('./keys.ts')).remove(call),
  },
  {
    name: 'config check',
    usage: '[FILE]',
    about: 'Judges the configuration key by key; works without the daemon',
    examples: ['opq-updater config check', 'opq-updater config check new_config.json'],
    words: [0, 1],
    run: async (call) => (await import('./config.ts')).check(call),
  },
  {
    name: 'config show',
    usage: '',
    about: 'Shows every key with its value, where that comes from, its default and its meaning',
    examples: ['opq-updater config show'],
    run: async (call) => (await import('./config.ts')).show(call),
  },
  {
    name: 'config set',
    usage: 'KEY VALUE',
    about: 'Writes one key; VALUE is JSON, or else text as it is; null takes the key out of the file',
    examples: [
      'opq-updater config set server_url https://updates.example/',
      'opq-updater config set auto_install false',
      `opq-updater config set services '["box-config-daemon.service"]'`,
    ],
    words: [2, 2],
    run: async (call) => (await import('./config.ts')).set(call),
  },
  {
    name: 'config reference',
    usage: '',
    about: 'Prints the reference page of the configuration as Markdown',
    examples: ['opq-updater config reference'],
    run: async (call) => (await import('./reference.ts')).reference(call),
  },
  {
    name: 'page pin',
    usage: '',
    about: 'Makes the PIN that sets the password of the page: at its first start, or when it was forgotten',
    examples: ['sudo opq-updater page pin'],
    run: async (call) => (await import('./page.ts')).pin(call),
  },
  {
    name: 'version',
    usage: '',
    about: 'Shows the version of this program',
    examples: ['opq-updater version'],
    run: async (call) => (await import('./version.ts')).version(call),
  },
  {
    name: 'help',
    usage: '[VERB]',
    about: 'Shows help for the tool or for one verb',
    examples: ['opq-updater help', 'opq-updater help keys add'],
    words: [0, 2],
    run: async ({ screen, positionals }) => (await import('./help.ts')).showHelp(screen, positionals, 0),
  },
  ...daemonVerbs,
];
