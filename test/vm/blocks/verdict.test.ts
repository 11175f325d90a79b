import { describe, expect, it } from 'vitest';
import type { HistoryEntry } from '../../../protocol/views.ts';
import type { Look } from './follow.ts';
import { bad, good, next } from './releases.ts';
import { judge } from './verdict.ts';

const old = 1_550_190_683;
const wholes = [old, good.version, next.version].map((version) => ({ version, tree: { '/file': `of ${version}` } }));
const entry = (id: string, to: number, outcome: string, code?: string, step = 'confirm') =>
  ({ id, to, outcome, step, because: code ? { code, message: '' } : null }) as unknown as HistoryEntry;
const ends = [entry('a', bad.version, 'rolled back', 'HEALTH_FAILED'), entry('b', good.version, 'confirmed')];
const marks = [
  { word: 'install', id: 'a', atBytes: 10 },
  { word: 'ended', id: 'a', atBytes: 20 },
  { word: 'install', id: 'b', atBytes: 30 },
  { word: 'confirm', id: 'b', atBytes: 40 },
  { word: 'ended', id: 'b', atBytes: 50 },
];
const recording = { tested: '', log: '', updates: '', marks, ends };

const look = (version: number, step: string, id: string, history: readonly HistoryEntry[]): Look => ({
  journal: { step, id },
  version: String(version),
  tree: { '/file': `of ${version}` },
  running: version,
  history,
  onTrial: false,
  leftovers: [],
  previousIntact: true,
});
const lost = entry('b', good.version, 'rolled back', 'POWER_LOST', 'install');
/** Cut while the script of the good release ran, and put back. */
const cutInScript = {
  found: { ...look(old, 'install', 'b', ends.slice(0, 1)), onTrial: true },
  rest: look(old, 'idle', 'b', [ends[0]!, lost]),
  after: look(next.version, 'idle', 'c', [ends[0]!, lost, entry('c', next.version, 'confirmed')]),
  log: [],
};
const judged = (change: Partial<typeof cutInScript>, cutAtBytes = 35) =>
  judge({ ...cutInScript, ...change }, cutAtBytes, recording, wholes);

describe('a box that was cut off while a script ran', () => {
  const { found, rest, after } = cutInScript;
  it('passes when the release before is back, the history says so and the next update works', () => {
    expect(judged({})).toEqual([]);
  });

  it.each<[string, Partial<typeof cutInScript>]>([
    ['one file is of the other release', { rest: { ...rest, tree: { '/file': `of ${good.version}` } } }],
    ['a file is left over', { rest: { ...rest, tree: { ...rest.tree, '/more': '' } } }],
    ['a restore is left over', { rest: { ...rest, leftovers: ['.opq-restore-opq.old'] } }],
    ['VERSION is another', { rest: { ...rest, version: String(good.version) } }],
    ['its service is down', { rest: { ...rest, running: null } }],
    ['it is not at rest', { rest: { ...rest, journal: { step: 'stuck', id: 'b' } } }],
    ['it is on trial for ever', { rest: { ...rest, onTrial: true } }],
    ['its kept snapshot is damaged', { rest: { ...rest, previousIntact: false } }],
    ['the history forgot the update', { rest: { ...rest, history: ends.slice(0, 1) } }],
    ['the history forgot what it had told', { rest: { ...rest, history: [lost] } }],
    ['the history calls it confirmed', { rest: { ...rest, history: ends } }],
    [
      'the journal on the disk is older than what was said',
      { found: { ...found, journal: { step: 'idle', id: 'a' } } },
    ],
    ['an update that had ended was not in the history on the disk', { found: { ...found, history: [] } }],
    ['the next update is put back', { after: { ...after, history: rest.history } }],
  ])('is lost when %s', (_, change) => {
    expect(judged(change)).not.toEqual([]);
  });

  it('is lost when it was put back after the new release had been confirmed', () => {
    expect(judged({}, 55)).not.toEqual([]);
  });
});
