import { describe, expect, it } from 'vitest';
import { availableOf } from '../../daemon/checks.ts';
import { asItIs, choose, upgradesOf } from '../../daemon/components.ts';
import type { Offer } from '../../daemon/facts.ts';
import { isNews } from '../../protocol/words.ts';
import { errorOf } from '../support/error-of.ts';

const version = 1_550_190_683;
const component = (name: string, of: string, requires: string[] = [], conflicts: string[] = []) => ({
  name,
  version: of,
  requires,
  conflicts,
});
const offer: Offer = {
  channel: 'attended',
  version,
  packageUrl: '',
  signatureUrl: '',
  sizeBytes: null,
  sha256: null,
  hardware: ['rpi/3'],
  notes: null,
  components: [
    component('core', '2.0'),
    component('display', '1.0', ['triggering']),
    component('thd', '0.2', [], ['vrms']),
    component('triggering', '1.10'),
    component('vrms', '0.1'),
  ],
};
const runs = (components: Record<string, string>, of = version) => ({
  version: of,
  sha256: 'ab',
  components,
  removers: {},
});
const three = runs({ core: '2.0', thd: '0.2', triggering: '1.10' });
const namesOf = (wish: Partial<typeof asItIs>, running: typeof three | null = three) =>
  choose(offer, running, { ...asItIs, ...wish }).components?.map(({ name }) => name);

describe('What is to be built', () => {
  it.each([
    ['is what runs when nobody says otherwise', {}, ['core', 'thd', 'triggering']],
    ['is what runs and one more', { add: ['display'] }, ['core', 'display', 'thd', 'triggering']],
    ['is what runs and one less', { remove: ['thd'] }, ['core', 'triggering']],
    ['may change one for another that it excludes', { add: ['vrms'], remove: ['thd'] }, ['core', 'triggering', 'vrms']],
    ['is what was named, the rest being for the server to judge', { only: ['display'] }, ['display']],
  ])('%s', (_, wish, names) => {
    expect(namesOf(wish)).toEqual(names);
  });

  it('is what the server has by default where nobody knows what runs', () => {
    expect(namesOf({}, null)).toEqual([]);
  });

  it.each([
    ['more that nobody knows', { add: ['oscilloscope'] }, three, 'COMPONENT_UNKNOWN'],
    ['more that excludes what runs', { add: ['vrms'] }, three, 'COMPONENTS_CONFLICT'],
    ['less that something else needs', { add: ['display'], remove: ['triggering'] }, three, 'COMPONENTS_CONFLICT'],
    ['less that is not there', { remove: ['display'] }, three, 'COMPONENT_UNKNOWN'],
    ['less than anything', { remove: ['core', 'thd', 'triggering'] }, three, 'COMPONENTS_CONFLICT'],
    ['more than nobody knows what', { add: ['display'] }, null, 'COMPONENT_UNKNOWN'],
    ['what runs, when a part of it was withdrawn', {}, runs({ core: '2.0', scope: '1' }), 'COMPONENT_UNKNOWN'],
  ])('is not %s', (_, wish, running, code) => {
    expect(errorOf(() => namesOf(wish, running))).toBe(code);
  });

  it('may do without what was withdrawn', () => {
    expect(namesOf({ remove: ['scope'] }, runs({ core: '2.0', scope: '1' }))).toEqual(['core']);
  });

  it('is nothing where releases come whole', () => {
    const whole: Offer = { ...offer, channel: 'detached', components: null };
    expect(choose(whole, three, asItIs)).toBe(whole);
    expect(errorOf(() => choose(whole, three, { ...asItIs, add: ['display'] }))).toBe('CONFIG_INVALID');
  });
});

describe('News', () => {
  const news = (installed: number | null, running: Parameters<typeof availableOf>[1]) =>
    isNews({ installed, available: availableOf(offer, running) });

  it('are a newer release, or a newer component of the same', () => {
    expect(news(version - 1, null)).toBe(true);
    expect(news(null, null)).toBe(true);
    expect(news(version, three)).toBe(false);
    const old = runs({ core: '2.0', triggering: '1.9', thd: '0.3' });
    expect(news(version, old)).toBe(true);
    expect(upgradesOf(offer, old)).toEqual({ triggering: ['1.10', '1.9'] });
  });

  it('are none below what runs, where nobody knows which components do, or where nothing is offered', () => {
    expect(news(version + 1, runs({ core: '1.0' }))).toBe(false);
    expect(news(version, null)).toBe(false);
    expect(isNews({ installed: null, available: null })).toBe(false);
  });
});
