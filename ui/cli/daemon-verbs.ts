import { UpdateError } from '../../protocol/errors.ts';
import type { Call, Verb } from './arguments.ts';

const firstCheck = {
  type: 'string',
  value: 'SECONDS',
  about: 'When to ask the server first (default: 1 to 15 minutes after the start)',
} as const;

/** For the help: cli.ts hands such verbs to the daemon's half before the table is looked at. */
export const daemonVerbs: readonly Verb[] = [
  {
    name: 'daemon',
    usage: '--box KIND [--root DIR] [--first-check-s SECONDS]',
    about: 'Runs the daemon in the foreground, as systemd or a scratch box starts it',
    examples: ['opq-updater daemon --box scratch --root DIR'],
    options: {
      box: { type: 'string', value: 'KIND', about: 'What kind of box this is' },
      'first-check-s': firstCheck,
    },
    run: misplaced,
  },
  {
    name: 'scratch-box',
    usage: 'FOLDER [--first-check-s SECONDS]',
    about: 'Keeps a box in a folder, for trials: starts its daemon, and starts it again after a "reboot"',
    examples: ['opq-updater scratch-box ./box'],
    options: { 'first-check-s': firstCheck },
    words: [1, 1],
    run: misplaced,
  },
  {
    name: 'worker',
    usage: '',
    about: 'Does the tasks of an update for the daemon',
    examples: ['opq-updater worker'],
    hidden: true,
    run: misplaced,
  },
  {
    name: 'tuf-client',
    usage:
      '--metadata-dir DIR (init ROOT | --metadata-url URL (refresh | --target-name NAME --target-dir DIR --target-base-url URL download))',
    about: 'Is a client of The Update Framework for its conformance suite, and no part of a box; exits 0 or 1',
    examples: [
      'opq-updater tuf-client --metadata-dir metadata init 1.root.json',
      'opq-updater tuf-client --metadata-dir metadata --metadata-url http://127.0.0.1:8080/metadata/ refresh',
    ],
    options: {
      'metadata-dir': { type: 'string', value: 'DIR', about: 'Where trusted metadata lies, as ROLE.json' },
      'metadata-url': { type: 'string', value: 'URL', about: 'Where the publisher has metadata' },
      'target-name': { type: 'string', value: 'NAME', about: 'What to download' },
      'target-dir': { type: 'string', value: 'DIR', about: 'Where to: one file, under its encoded name' },
      'target-base-url': { type: 'string', value: 'URL', about: 'Where the publisher has targets' },
    },
    words: [1, 2],
    hidden: true,
    run: misplaced,
  },
];

async function misplaced({ verb: { name, usage } }: Call): Promise<number> {
  throw new UpdateError('USAGE', `The verb comes first: "opq-updater ${name} ${usage}".`);
}
