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
];

async function misplaced({ verb: { name, usage } }: Call): Promise<number> {
  throw new UpdateError('USAGE', `The verb comes first: "opq-updater ${name} ${usage}".`);
}
