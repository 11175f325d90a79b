import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Wanted, wantedRange } from '../../server/range.ts';
import { openSite } from './site.ts';

const cases: readonly [header: string, wanted: Wanted][] = [
  ['', 'whole'],
  ['bytes=0-0', { first: 0, last: 0 }],
  ['bytes=0-', { first: 0, last: 9 }],
  ['bytes=3-5', { first: 3, last: 5 }],
  ['bytes=9-', { first: 9, last: 9 }],
  ['bytes=3-99', { first: 3, last: 9 }],
  [`bytes=3-${'9'.repeat(40)}`, { first: 3, last: 9 }],
  ['bytes=-4', { first: 6, last: 9 }],
  ['bytes=-99', { first: 0, last: 9 }],
  ['Bytes=1-2', { first: 1, last: 2 }],
  ['bytes= 1-2 ', { first: 1, last: 2 }],
  ['bytes=10-', 'unsatisfiable'],
  ['bytes=10-20', 'unsatisfiable'],
  [`bytes=${'9'.repeat(40)}-`, 'unsatisfiable'],
  ['bytes=-0', 'unsatisfiable'],
  ['bytes=5-3', 'whole'],
  ['bytes=20-10', 'whole'],
  ['bytes=0-1,4-5', 'whole'],
  ['bytes=0-1,', 'whole'],
  ['bytes=-', 'whole'],
  ['bytes=', 'whole'],
  ['bytes', 'whole'],
  ['bytes=a-b', 'whole'],
  ['bytes=1 - 2', 'whole'],
  ['bytes=+1-2', 'whole'],
  ['bytes=0x1-2', 'whole'],
  ['bytes=1-2-3', 'whole'],
  ['bytes=1.5-2', 'whole'],
  ['lines=1-2', 'whole'],
];

describe('a Range for a file of ten bytes', () => {
  it.each(cases)('%j is understood', (header, wanted) => expect(wantedRange(header, 10)).toEqual(wanted));

  it('is answered in that way over HTTP', async () => {
    const site = await openSite();
    await site.publish(1_550_190_683, '0123456789');
    for (const [range, wanted] of cases) {
      const { status, headers, body } = await site.ask(
        '/update/1550190683',
        range === '' ? {} : { headers: { range } },
      );
      const found = [status, body.toString(), headers['content-range'], headers['content-length']];
      if (wanted === 'whole') expect(found, range).toEqual([200, '0123456789', undefined, '10']);
      else if (wanted === 'unsatisfiable') {
        expect(found.slice(0, 3), range).toEqual([416, 'Range not satisfiable.\n', 'bytes */10']);
        expect(headers['cache-control']).toBe('no-store');
      } else {
        const text = '0123456789'.slice(wanted.first, wanted.last + 1);
        const contentRange = `bytes ${wanted.first}-${wanted.last}/10`;
        expect(found, range).toEqual([206, text, contentRange, String(text.length)]);
      }
    }
    await site.close();
  });
});

it('never reaches outside the file, whatever the header says', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^bytes=\d{0,22}-\d{0,22}$/), fc.nat(2 ** 40), (header, sizeBytes) => {
      const wanted = wantedRange(header, sizeBytes);
      if (typeof wanted === 'string') return;
      expect(wanted.first).toBeGreaterThanOrEqual(0);
      expect(wanted.last).toBeGreaterThanOrEqual(wanted.first);
      expect(wanted.last).toBeLessThan(sizeBytes);
    }),
  );
});

describe('Range together with other headers', () => {
  const path = '/update/1550190683';
  const range = 'bytes=4-';

  it('goes on from a partial download only if the file is still the same', async () => {
    const site = await openSite();
    await site.publish(1_550_190_683, '0123456789');
    site.clock.aheadMs = 5_000;
    const { etag = '', 'last-modified': modified = '' } = (await site.ask(path)).headers;
    const rows: readonly [ifRange: string, status: number][] = [
      [etag, 206],
      [modified, 206],
      [`W/${etag}`, 200],
      ['"other"', 200],
      ['Thu, 01 Jan 1970 00:00:00 GMT', 200],
      ['Fri, 01 Jan 2100 00:00:00 GMT', 200],
      ['yesterday', 200],
      ['*', 200],
    ];
    for (const [ifRange, status] of rows) {
      const answer = await site.ask(path, { headers: { range, 'if-range': ifRange } });
      expect([answer.status, answer.body.toString()], ifRange).toEqual([
        status,
        status === 206 ? '456789' : '0123456789',
      ]);
    }
    // A range that cannot be satisfied any more, because the file is another: the whole new one.
    const other = await site.ask(path, { headers: { range: 'bytes=99-', 'if-range': '"other"' } });
    expect(other.status).toBe(200);
    await site.close();
  });

  it('does not trust the date of a file that changed in this very second', async () => {
    const site = await openSite();
    await site.publish(1_550_190_683, '0123456789');
    site.clock.aheadMs = -60_000; // the file is from the future: its date is not yet over
    const { 'last-modified': modified = '', date = '' } = (await site.ask(path)).headers;
    expect(Date.parse(modified)).toBeLessThanOrEqual(Date.parse(date));
    expect((await site.ask(path, { headers: { range, 'if-range': modified } })).status).toBe(200);
    await site.close();
  });

  it('has no meaning for HEAD, and gives way to 304', async () => {
    const site = await openSite();
    await site.publish(1_550_190_683, '0123456789');
    const head = await site.ask(path, { method: 'HEAD', headers: { range } });
    expect([head.status, head.headers['content-length']]).toEqual([200, '10']);
    const had = await site.ask(path, { headers: { range, 'if-none-match': head.headers.etag! } });
    expect([had.status, had.body.length]).toEqual([304, 0]);
    await site.close();
  });
});
