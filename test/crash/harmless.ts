/** Faults that need not be caught, by rule, each with the reason. */
import { apply, type Disk, find, type Operation, withUnborn } from './disk.ts';
import { isChange } from './operations.ts';
import type { Exhibit } from './points.ts';
import type { Seed } from './seeds.ts';

interface Rule {
  readonly reason: string;
  applies(seed: Seed, exhibit: Exhibit): boolean;
}

/** Steps that are begun again from their beginning, whatever a crash has left of them. */
const redone = ['download', 'verify', 'unpack', 'snapshot', 'undo', 'rollback', 'restored'];

const rules: readonly Rule[] = [
  {
    reason: 'the step is begun again from its beginning, and all of it is safe before the position after it is saved',
    applies({ from, until }, { moments }) {
      const during = moments.slice(from - 1, until + 1);
      const step = during[0]?.saved?.text;
      return (
        redone.includes(during[0]?.saved?.step ?? '') &&
        during.every(({ saved, saving }) => saving === null && saved?.text === step)
      );
    },
  },
  {
    reason: 'a temporary name counts for nothing, and is removed at the next start',
    applies: ({ early }) => early?.kind === 'enter' && /\.new$/.test(early.note),
  },
  {
    reason: 'the guard only counts these boots: one that is lost is one boot more on trial',
    applies: ({ exposes }) => exposes.every(({ note }) => /\/trial\/(boots|guard-tries)(\.|$)/.test(note)),
  },
  {
    reason: 'the sign of life goes its own way: nothing that it comes before is about it',
    applies: ({ early }) => /\/trial\/boots$/.test(early?.note ?? ''),
  },
  {
    reason: 'without the mark of an orderly shutdown it was a cut, as it is then',
    applies: ({ exposes }) => exposes.every(({ note }) => /opq-updater\/orderly-shutdown\.new/.test(note)),
  },
  {
    reason: 'what is not removed yet is removed again: by the next start, or the next update',
    applies: ({ exposes }) =>
      exposes.every(({ kind, note }) => kind === 'leave' && /^\w+ (\/var\/opq\/updater\/|\S*\.removed)/.test(note)),
  },
  {
    reason: 'the guard begins its undo anew until its mark says that it is done',
    applies: ({ ops, from, until, exposes }, { recording: { base } }) =>
      isThere(base, ops, from - 1, 'guard-begun') &&
      (!isThere(base, ops, until, 'guard') || exposes.every(({ note }) => /\/trial\/guard(\.new| |$)/.test(note))),
  },
  {
    reason: 'how a script ended counts after an orderly shutdown alone, and that writes everything',
    applies: ({ exposes }) => exposes.every(({ note }) => /\/trial\/script-end/.test(note)),
  },
  {
    reason:
      'the copy of a release that was installed once more is moved on at once, which is safe before anything else',
    applies: ({ exposes }) => exposes.every(({ note }) => /\/trial -> \S*\/previous\.outdated$/.test(note)),
  },
  {
    reason: 'a package is the second way back: without it there is one',
    applies: ({ exposes }) => exposes.every(({ note }) => /\/trial\/opq-box-update-/.test(note)),
  },
];

/** True when the snapshot on trial has a file after so many operations. */
const isThere = (base: Disk, ops: readonly Operation[], done: number, name: string): boolean =>
  find(apply(withUnborn(base, ops), ops.slice(0, done).filter(isChange)), `/var/lib/opq-updater/trial/${name}`) !==
  undefined;

/** Why a fault does no harm, or undefined when there is no reason. */
export const reasonFor = (seed: Seed, exhibit: Exhibit): string | undefined =>
  rules.find((rule) => rule.applies(seed, exhibit))?.reason;
