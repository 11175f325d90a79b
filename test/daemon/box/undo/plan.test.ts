import { expect, it } from 'vitest';
import type { Image } from '../../../../daemon/box/undo/image.ts';
import { planUndo } from '../../../../daemon/box/undo/plan.ts';

/** `etc/a=1 etc/b/ ` -> an image: a file with its content, a folder with its slash. */
function image(text: string): Image {
  const entries = text.split(' ').filter(Boolean);
  return new Map(
    entries.map((entry) => {
      const [path = '', content = ''] = entry.split('=');
      const look = { mtimeNs: '0', sizeBytes: content.length };
      return path.endsWith('/')
        ? [path.slice(0, -1), { ...look, what: `d ${content}` }]
        : [path, { ...look, what: `f ${content}` }];
    }),
  );
}

const kept = (path: string) => path === 'etc/keep' || path.startsWith('etc/keep/');
const contentOf = (what: string) => (what.startsWith('d') ? '/' : `=${what.slice(2)}`);

/** What happened, before, after and now; then the tree that an undo makes, and what it keeps aside and leaves. */
const table: [string, string, string | undefined, string, { tree: string; aside?: string; leave?: string }][] = [
  ['nothing changed', 'etc/a=1', 'etc/a=1', 'etc/a=1', { tree: 'etc/a=1' }],
  ['the update changed it', 'etc/a=1', 'etc/a=2', 'etc/a=2', { tree: 'etc/a=1' }],
  ['the update added it', '', 'etc/a=2', 'etc/a=2', { tree: '' }],
  ['the update removed it', 'etc/a=1', '', '', { tree: 'etc/a=1' }],
  ['others changed it', 'etc/a=1', 'etc/a=1', 'etc/a=3', { tree: 'etc/a=3', leave: 'etc/a' }],
  ['others added it', '', '', 'etc/a=3', { tree: 'etc/a=3', leave: 'etc/a' }],
  ['others removed it', 'etc/a=1', 'etc/a=1', '', { tree: '', leave: 'etc/a' }],
  ['the update, then others changed it', 'etc/a=1', 'etc/a=2', 'etc/a=3', { tree: 'etc/a=1', aside: 'etc/a' }],
  ['the update added, then others changed it', '', 'etc/a=2', 'etc/a=3', { tree: '', aside: 'etc/a' }],
  ['the update removed, then others added it', 'etc/a=1', '', 'etc/a=3', { tree: 'etc/a=1', aside: 'etc/a' }],
  ['the update changed, then others removed it', 'etc/a=1', 'etc/a=2', '', { tree: 'etc/a=1' }],
  ['others took the change back', 'etc/a=1', 'etc/a=2', 'etc/a=1', { tree: 'etc/a=1' }],
  [
    'others put a file into a folder that the update brought',
    '',
    'etc/d/ etc/d/x=2',
    'etc/d/ etc/d/x=2 etc/d/y=3',
    { tree: '', aside: 'etc/d/y' },
  ],
  [
    'others made a folder in a folder that the update brought',
    '',
    'etc/d/',
    'etc/d/ etc/d/e/ etc/d/e/y=3',
    { tree: '', aside: 'etc/d/e etc/d/e/y' },
  ],
  [
    'others put a file into a folder that the update made of a file',
    'etc/d=1',
    'etc/d/',
    'etc/d/ etc/d/y=3',
    { tree: 'etc/d=1', aside: 'etc/d/y' },
  ],
  [
    'others removed a folder in which the update had changed a file',
    'etc/d/ etc/d/x=1 etc/d/y=1',
    'etc/d/ etc/d/x=2 etc/d/y=1',
    '',
    { tree: 'etc/d/ etc/d/x=1', leave: 'etc/d/y' },
  ],
  [
    'others put a file in the place of such a folder',
    'etc/d/ etc/d/x=1',
    'etc/d/ etc/d/x=2',
    'etc/d=3',
    { tree: 'etc/d/ etc/d/x=1', aside: 'etc/d' },
  ],
  [
    'the update changed what is to be kept',
    'etc/keep=1',
    'etc/keep=2',
    'etc/keep=2',
    { tree: 'etc/keep=2', leave: 'etc/keep' },
  ],
  [
    'what is to be kept is in a folder that the update brought',
    '',
    'etc/ etc/keep=2 etc/x=2',
    'etc/ etc/keep=3 etc/x=2',
    { tree: 'etc/ etc/keep=3', leave: 'etc etc/keep' },
  ],
  [
    'what was to be kept is gone',
    'etc/keep/ etc/keep/x=1',
    'etc/keep/ etc/keep/x=1',
    '',
    { tree: '', leave: 'etc/keep etc/keep/x' },
  ],
  [
    'nobody knows what the update did',
    'etc/a=1 etc/b=1',
    undefined,
    'etc/a=2 etc/b=1',
    { tree: 'etc/a=1 etc/b=1', aside: 'etc/a' },
  ],
];

it.each(table)('when %s', (_, before, after, now, { tree, aside = '', leave = '' }) => {
  const images = { before: image(before), after: after === undefined ? undefined : image(after), now: image(now) };
  const plan = planUndo(images, kept);
  expect([...plan.merged].map(([path, { look }]) => `${path}${contentOf(look.what)}`).join(' ')).toBe(tree);
  expect(plan.aside.join(' ')).toBe(aside);
  expect(plan.leave.join(' ')).toBe(leave);
});

it('makes a tree that can be: nothing is in what is no folder, whatever was changed', () => {
  // Every way in which a folder, a file in it and one below may be a file, a folder or nothing, three times.
  const states = ['', 'p=1', 'p=2', 'p/', 'p/ p/c=1', 'p/ p/c=2', 'p/ p/c/', 'p/ p/c/ p/c/keep=1', 'p/ p/c/ p/c/g=1'];
  let count = 0;
  for (const before of states) {
    for (const after of [...states, undefined]) {
      for (const now of states) {
        const images = {
          before: image(before),
          after: after === undefined ? undefined : image(after),
          now: image(now),
        };
        const { merged, aside } = planUndo(images, (path) => path === 'p/c/keep');
        for (const path of merged.keys()) {
          const above = path.slice(0, path.lastIndexOf('/'));
          if (path.includes('/')) expect(merged.get(above)?.look.what[0], `${before}, ${after}, ${now}`).toBe('d');
        }
        // Nothing of others is lost without a copy.
        for (const [path, look] of images.now) {
          const known = [images.before, images.after].some((image) => image?.get(path)?.what === look.what);
          const stays = merged.get(path)?.look.what === look.what || look.what[0] === 'd';
          expect(known || stays || aside.includes(path), `${path} in ${before}, ${after}, ${now}`).toBe(true);
        }
        const whats = Object.fromEntries([...merged].map(([path, { look }]) => [path, look.what]));
        const whatsOf = (tree: Image) => Object.fromEntries([...tree].map(([path, look]) => [path, look.what]));
        if (after === before) expect(whats).toEqual(whatsOf(images.now));
        if (after === now && !(before + now).includes('keep')) expect(whats).toEqual(whatsOf(images.before));
        count++;
      }
    }
  }
  expect(count).toBe(9 * 10 * 9);
});
