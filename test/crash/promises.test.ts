import { describe, expect, it } from 'vitest';
import type { Operation } from './disk.ts';
import { brokenPromise } from './promises.ts';

const common = { atNs: 0n, volatile: false };
const removed: Operation = {
  ...common,
  kind: 'leave',
  folder: 2,
  name: 'extra',
  note: 'unlinkat /usr/local/opq-extra',
};
const written: Operation = { ...common, kind: 'sync', what: null, dataOnly: false, machine: false, note: 'sync /' };
const putting = (path: string): Operation[] => [
  { ...common, kind: 'enter', folder: 3, name: 'new', ino: 4, note: `openat ${path}.new` },
  { ...common, kind: 'sync', what: 4, dataOnly: false, machine: false, note: `fsync ${path}.new` },
  {
    ...common,
    kind: 'move',
    from: 3,
    fromName: 'new',
    folder: 3,
    name: 'mark',
    ino: 4,
    note: `mv ${path}.new -> ${path}`,
  },
  { ...common, kind: 'sync', what: 3, dataOnly: false, machine: false, note: 'fsync of the folder' },
];

describe.each(['trial/guard', 'orderly-shutdown'])('the mark %s', (name) => {
  const mark = putting(`/var/lib/opq-updater/${name}`);

  it('may stand once all that was done is on the disk', () => {
    expect(brokenPromise([removed, written, ...mark], new Map())).toBeUndefined();
  });

  it.each([
    ['without a sync before it', [removed, ...mark, written]],
    ['with a removal after that sync', [written, removed, ...mark]],
  ])('is found out %s', (_, ops) => {
    expect(brokenPromise(ops, new Map())).toContain('unlinkat /usr/local/opq-extra is not on the disk');
  });
});
