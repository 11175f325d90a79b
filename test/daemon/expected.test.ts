import { expect, it } from 'vitest';
import { expectedOf } from '../../daemon/expected.ts';
import { entryWith } from '../support/samples.ts';

const took = (download: number, outage_s: number | null) => entryWith({ seconds: { download, install: 10 }, outage_s });

it('an update takes as long as those before it usually took, whatever single ones did', () => {
  expect(expectedOf([took(5, 12), took(900, 14), took(6, null)])).toEqual({
    updates: 3,
    seconds: { download: 6, install: 10 },
    total_s: 16,
    outage_s: 14,
  });
});

it('only updates that were confirmed tell how long one takes, and only the newest of them', () => {
  const cut = entryWith({ outcome: 'rolled back', seconds: { download: 1000 } });
  expect(expectedOf([cut])).toBeNull();
  const old = Array.from({ length: 9 }, () => took(1000, 1));
  const recent = Array.from({ length: 9 }, () => took(5, 1));
  expect(expectedOf([cut, ...recent, ...old])).toMatchObject({ updates: 9, seconds: { download: 5 } });
});
