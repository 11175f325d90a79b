/** What is recorded, as a table: a disk to begin with, and what happens to that box. */
import type { StepName } from '../../daemon/facts.ts';
import type { ErrorCode } from '../../protocol/error-codes.ts';
import type { Action } from './boots.ts';
import { chronicle } from './chronicle.ts';
import { apply, type Disk, find, type Inode, top } from './disk.ts';
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
  /** The scenario whose recording its disk is taken from; none = it begins with a clean box. */
  readonly after?: string;
  /** default: the disk of the end of that recording */
  base?(before: Recording): Disk;
  actions(package_: (name: ReleaseName) => string): readonly Action[];
  readonly silent?: boolean;
  readonly undo?: boolean;
  /** How else the update may end when the box was cut off. */
  readonly otherwise?: readonly ErrorCode[];
  /** Not cut while the journal says one of these: another scenario does the same there, and is cut in it. */
  readonly cutElsewhere?: readonly StepName[];
}

/** Of the guard: boots on trial in which the updater never reported. */
const boots = '/var/lib/opq-updater/trial/boots';
const file = (path: string): Action => ({ do: 'file', path });
/** Whether the script will fail, or its service, nobody knows there. */
const untilInstall = ['download', 'verify', 'unpack', 'snapshot', 'stop'] as const;

export const scenarios: readonly Scenario[] = [
  {
    name: 'a good update from a server',
    short: 'good',
    actions: () => [{ do: 'check' }],
  },
  {
    name: 'another one from a stick, with a way back that goes when it is confirmed',
    short: 'again',
    after: 'good',
    actions: (path) => [file(path('better'))],
    cutElsewhere: ['download', 'verify', 'unpack', 'snapshot', 'install'],
  },
  {
    name: 'the very package that runs once more, beside the way back of the first time',
    short: 'same',
    after: 'good',
    actions: (path) => [file(path('good'))],
    cutElsewhere: ['download', 'verify', 'unpack', 'snapshot', 'install'],
  },
  {
    name: 'a script that fails, and the undo',
    short: 'script',
    actions: (path) => [file(path('failing'))],
    cutElsewhere: ['unpack', 'snapshot', 'stop'],
  },
  {
    name: 'a release whose service fails, and the undo',
    short: 'health',
    actions: (path) => [file(path('sick'))],
    cutElsewhere: [...untilInstall, 'install'],
  },
  {
    name: 'a script that reboots by itself',
    short: 'reboot',
    actions: (path) => [file(path('rebooting'))],
    cutElsewhere: untilInstall,
  },
  {
    name: 'the undo of a confirmed release',
    short: 'undo',
    after: 'good',
    actions: () => [{ do: 'undo' }],
    undo: true,
  },
  {
    name: 'the way back after a power cut in the script',
    short: 'back',
    after: 'good',
    base: (good) => during(good, 'install', 30),
    actions: () => [],
  },
  {
    name: 'the guard puts back what never reported',
    short: 'boots',
    after: 'health',
    base: (health) => withFile(during(health, 'reboot', 3), boots, '3\n'),
    actions: () => [],
  },
  {
    name: 'the guard puts back what was about to be confirmed',
    short: 'promotion',
    after: 'again',
    base: (again) => withFile(renamed(again, '-> /var/lib/opq-updater/previous.outdated'), boots, '3\n'),
    actions: () => [],
  },
  {
    name: 'the guard puts back what fell silent',
    short: 'silence',
    after: 'health',
    base: (health) => during(health, 'reboot', 3),
    actions: () => [],
    silent: true,
    // The cut ends the silence.
    otherwise: ['HEALTH_FAILED'],
  },
];

/** The scenarios of these names and those that they build on, in the order in which they are recorded. */
export function neededFor(names: readonly string[]): readonly Scenario[] {
  const needed = new Set(names);
  for (const { short, after } of scenarios.toReversed()) if (after && needed.has(short)) needed.add(after);
  return scenarios.filter(({ short }) => names.length === 0 || needed.has(short));
}

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

/** Such a disk is left by a power cut: nothing of what was in memory is there any more. */
function settle(base: Disk, ops: Parameters<typeof apply>[1]): Disk {
  const disk = new Map(apply(unbornIn(base, ops), ops));
  const root = disk.get(top)!;
  return disk.set(top, { ...root, entries: new Map([...root.entries].filter(([name]) => name !== 'run')) });
}

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
