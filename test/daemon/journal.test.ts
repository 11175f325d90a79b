import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import {
  type Entry,
  type Formats,
  journalFormats,
  newestFormat,
  readJournal,
  saveJournal,
} from '../../daemon/journal.ts';
import { type Places, placesUnder } from '../../daemon/places.ts';
import { anUpdate, aRelease } from '../support/fake-box.ts';

let places: Places;
beforeEach(async () => {
  const root = await mkdtemp(join(tmpdir(), 'opq-journal-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  places = placesUnder(root);
  await mkdir(places.state, { recursive: true });
});

const entry: Entry = { at: { step: 'unpack', update: anUpdate, release: aRelease }, bootId: 'boot-1', tries: 3 };

it('gives back what was saved last', async () => {
  expect(await readJournal(places)).toEqual({ kind: 'none' });
  await saveJournal(places, { ...entry, at: { step: 'download', update: anUpdate } });
  await saveJournal(places, entry);
  expect(await readJournal(places)).toEqual({ kind: 'entry', entry });
  expect(await readdir(places.state)).toEqual(['journal.json']);
});

it('is unreadable when it is torn anywhere, and the bad file is kept for a person to look at', async () => {
  await saveJournal(places, entry);
  const good = await readFile(places.journal, 'utf8');
  for (const cut of [0, 1, good.length >> 1, good.length - 2]) {
    await writeFile(places.journal, good.slice(0, cut));
    expect(await readJournal(places)).toMatchObject({ kind: 'unreadable', error: { code: 'JOURNAL_UNREADABLE' } });
    expect(await readJournal(places)).toEqual({ kind: 'none' });
  }
  expect((await readdir(places.state)).sort()).toEqual([1, 2, 3, 4].map((n) => `journal.json.bad-${n}`));
});

const odd: [string, (good: Record<string, unknown>) => unknown][] = [
  ['of another format', (good) => ({ ...good, format: 2 })],
  ['with a step that nobody knows', (good) => ({ ...good, at: { ...(good.at as object), step: 'dance' } })],
  ['with facts missing', (good) => ({ ...good, at: { step: 'unpack', update: anUpdate } })],
  ['with no count of its tries', (good) => ({ ...good, tries: 0 })],
  ['that is a list', () => []],
  ['that is nothing', () => null],
];
it.each(odd)('is unreadable when it is one %s', async (_, change) => {
  await saveJournal(places, entry);
  await writeFile(places.journal, JSON.stringify(change(JSON.parse(await readFile(places.journal, 'utf8')))));
  expect(await readJournal(places)).toMatchObject({ kind: 'unreadable' });
});

it('is unreadable, not fatal, when something else lies in its place', async () => {
  await mkdir(places.journal);
  expect(await readJournal(places)).toMatchObject({ kind: 'unreadable' });
  await saveJournal(places, entry);
  expect(await readJournal(places)).toEqual({ kind: 'entry', entry });
});

it('keeps ten bad files at most', async () => {
  for (let n = 0; n < 14; n++) {
    await writeFile(places.journal, `bad ${n}`);
    await readJournal(places);
  }
  expect(await readdir(places.state)).toHaveLength(10);
});

/** As a later updater may have it: another name for the count, and a fact that the format of today does not have. */
const laterFormats: Formats = {
  ...journalFormats,
  2: {
    write: ({ tries, ...more }) => ({ ...more, begun: tries, mood: 'good' }),
    read(document) {
      const { begun, mood, ...more } = document as { begun: number; mood: string };
      if (mood !== 'good') throw new Error('no mood');
      return journalFormats[1]!.read({ ...more, tries: begun });
    },
  },
};

/** As a snapshot says it, of the daemon that began. */
async function onTrialBegunWith(format: string): Promise<void> {
  await mkdir(places.trial, { recursive: true });
  await writeFile(join(places.trial, 'about'), `format=1\nupdate=u1\njournal=${format}\n`);
}
const formatOnDisk = async () => JSON.parse(await readFile(places.journal, 'utf8')).format;

it('keeps the format of the daemon that began an update until its verdict, also when it comes from "previous"', async () => {
  await saveJournal(places, entry, laterFormats);
  expect(await formatOnDisk()).toBe(2);
  await onTrialBegunWith('1');
  await saveJournal(places, entry, laterFormats);
  // The undo leads back to the daemon that knows nothing later.
  expect(await readJournal(places)).toEqual({ kind: 'entry', entry });
  expect(await readJournal(places, laterFormats)).toEqual({ kind: 'entry', entry });
  await rm(places.trial, { recursive: true });
  await saveJournal(places, entry, laterFormats);
  expect(await formatOnDisk()).toBe(2);
  expect(await readJournal(places, laterFormats)).toEqual({ kind: 'entry', entry });
});

it.each(['3', '', '1.5', 'constructor'])(
  'writes its newest format when an update was begun in format "%s"',
  async (format) => {
    await onTrialBegunWith(format);
    await saveJournal(places, entry, laterFormats);
    expect(await formatOnDisk()).toBe(newestFormat(laterFormats));
  },
);

it('of a later updater is unreadable to an older one', async () => {
  await saveJournal(places, entry, laterFormats);
  expect(await readJournal(places)).toMatchObject({ kind: 'unreadable', error: { code: 'JOURNAL_UNREADABLE' } });
});
