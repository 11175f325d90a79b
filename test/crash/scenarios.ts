/** What is recorded, as a table: a disk to begin with, and what happens to that box. */
import type { ErrorCode } from '../../protocol/error-codes.ts';
import type { Action } from './boots.ts';
import { chronicle } from './chronicle.ts';
import { apply, type Disk, find, type Inode } from './disk.ts';
import { isChange } from './operations.ts';
import type { Recording } from './record.ts';
import { type CrashRelease, crashRelease } from './releases.ts';

export const old = 1_550_000_001;
const version = (n: number) => old + n;

/** The releases that boxes get, by the name that the scenarios have for them. */
export const releases = {
  good: crashRelease(version(1)),
  better: crashRelease(version(2)),
  failing: crashRelease(version(3), { script: { end: 'exit 3' } }),
  sick: crashRelease(version(4), { fate: 'fails' }),
  rebooting: crashRelease(version(5), { script: { end: 'reboot' } }),
  next: crashRelease(version(9)),
} satisfies Record<string, CrashRelease>;

export type ReleaseName = keyof typeof releases;

export interface Scenario {
  readonly name: string;
  /** A word for it on the command line. */
  readonly short: string;
  base(clean: Disk, done: ReadonlyMap<string, Recording>): Disk;
  actions(package_: (name: ReleaseName) => string): readonly Action[];
  readonly silent?: boolean;
  readonly undo?: boolean;
  /** How else the update may end when the box was cut off. */
  readonly otherwise?: readonly ErrorCode[];
}

/** Of the guard: boots on trial in which the updater never reported. */
const boots = '/var/lib/opq-updater/trial/boots';
const file = (path: string): Action => ({ do: 'file', path });

export const scenarios: readonly Scenario[] = [
  {
    name: 'a good update from a server, then another one from a stick',
    short: 'good',
    base: (clean) => clean,
    actions: (path) => [{ do: 'check' }, file(path('better'))],
  },
  {
    name: 'a script that fails, and the undo',
    short: 'script',
    base: (clean) => clean,
    actions: (path) => [file(path('failing'))],
  },
  {
    name: 'a release whose service fails, and the undo',
    short: 'health',
    base: (clean) => clean,
    actions: (path) => [file(path('sick'))],
  },
  {
    name: 'a script that reboots by itself',
    short: 'reboot',
    base: (clean) => clean,
    actions: (path) => [file(path('rebooting'))],
  },
  {
    name: 'the undo of a confirmed release',
    short: 'undo',
    base: (_, done) => done.get('good')!.end,
    actions: () => [{ do: 'undo' }],
    undo: true,
  },
  {
    name: 'the way back after a power cut in the script',
    short: 'back',
    base: (_, done) => during(done.get('good')!, 'install', 30),
    actions: () => [],
  },
  {
    name: 'the guard puts back what never reported',
    short: 'boots',
    base: (_, done) => withFile(during(done.get('health')!, 'reboot', 3), boots, '3\n'),
    actions: () => [],
  },
  {
    name: 'the guard puts back what was about to be confirmed',
    short: 'promotion',
    base: (_, done) => withFile(renamed(done.get('good')!, '-> /var/lib/opq-updater/previous.outdated'), boots, '3\n'),
    actions: () => [],
  },
  {
    name: 'the guard puts back what fell silent',
    short: 'silence',
    base: (_, done) => during(done.get('health')!, 'reboot', 3),
    actions: () => [],
    silent: true,
    // The cut ends the silence.
    otherwise: ['HEALTH_FAILED'],
  },
];

/** The disk some operations after a step was saved, with all of them on it. */
function during(recording: Recording, step: string, later: number): Disk {
  const { base, ops } = recording;
  return after(recording, chronicle(base, ops, false).findIndex(({ saved }) => saved?.step === step) + later);
}

/** The disk with everything on it up to the first rename of that kind. */
const renamed = (recording: Recording, what: string): Disk =>
  after(recording, recording.ops.findIndex(({ note }) => note.endsWith(what)) + 1);

const after = ({ base, ops }: Recording, done: number): Disk =>
  settle(base, ops.slice(0, done).filter((op) => isChange(op) && !op.volatile) as never);

const settle = (base: Disk, ops: Parameters<typeof apply>[1]): Disk => apply(unbornIn(base, ops), ops);

function unbornIn(base: Disk, ops: Parameters<typeof apply>[1]): Disk {
  const all = new Map(base);
  for (const op of ops) if (op.kind === 'enter' && op.born) all.set(op.ino, op.born);
  return all;
}

/** The same disk with another text in a file, which is made if it is not there. */
function withFile(disk: Disk, path: string, text: string): Disk {
  const folder = path.slice(0, path.lastIndexOf('/'));
  const name = path.slice(folder.length + 1);
  const all = new Map(disk);
  const [folderIno] = [...all].find(([, inode]) => inode === find(disk, folder))!;
  const ino = all.get(folderIno)!.entries.get(name) ?? Math.max(...all.keys()) + 1;
  const entries = new Map(all.get(folderIno)!.entries).set(name, ino);
  const { uid, gid, mtimeNs } = all.get(folderIno)!;
  const inode: Inode = { kind: 'file', mode: 0o644, uid, gid, mtimeNs, data: Buffer.from(text), entries: new Map() };
  all.set(ino, inode);
  all.set(folderIno, { ...all.get(folderIno)!, entries });
  return all;
}
