import { expect, it } from 'vitest';
import type { Operation } from './disk.ts';
import { brokenPromise } from './promises.ts';

const trial = '/var/lib/opq-updater/trial';
const common = { atNs: 0n, volatile: false };
const removed: Operation = {
  ...common,
  kind: 'leave',
  folder: 2,
  name: 'extra',
  note: 'unlinkat /usr/local/opq-extra',
};
const written: Operation = { ...common, kind: 'sync', what: null, dataOnly: false, machine: false, note: 'sync /' };
const mark: Operation[] = [
  { ...common, kind: 'enter', folder: 3, name: 'guard.new', ino: 4, note: `openat ${trial}/guard.new` },
  { ...common, kind: 'sync', what: 4, dataOnly: false, machine: false, note: `fsync ${trial}/guard.new` },
  {
    ...common,
    kind: 'move',
    from: 3,
    fromName: 'guard.new',
    folder: 3,
    name: 'guard',
    ino: 4,
    note: `renameat2 ${trial}/guard.new -> ${trial}/guard`,
  },
  { ...common, kind: 'sync', what: 3, dataOnly: false, machine: false, note: `fsync ${trial}` },
];

it('the guard says that its undo is done once all of it is on the disk', () => {
  expect(brokenPromise([removed, written, ...mark], new Map())).toBeUndefined();
});

it.each([
  ['without the sync at its end', [removed, ...mark, written]],
  ['with a removal after that sync', [written, removed, ...mark]],
])('a guard that puts back %s is found out', (_, ops) => {
  expect(brokenPromise(ops, new Map())).toContain('unlinkat /usr/local/opq-extra is not on the disk');
});
