import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesText, durationText } from '../../protocol/words.ts';
import { readEvents } from '../../ui/cli/sse.ts';
import { columnsOf, cutTo, escaped, versionText, wrapped } from '../../ui/cli/text.ts';

describe('text for people', () => {
  it('escapes whatever steers a terminal, and keeps JSON the same', () => {
    const anyText = fc.string({ unit: 'binary', maxLength: 50 });
    fc.assert(
      fc.property(anyText, (text) => {
        expect(escaped(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
        expect(JSON.parse(escaped(JSON.stringify(text)))).toBe(text);
      }),
    );
  });

  it('cuts to the columns that there are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(30), (text, columns) => {
        expect(columnsOf(cutTo(text, columns))).toBeLessThanOrEqual(columns);
        expect(text.startsWith(cutTo(text, columns))).toBe(true);
      }),
    );
  });

  it('breaks between words and loses none', () => {
    expect(wrapped('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrapped('', 7)).toEqual(['']);
  });

  it('rounds sizes, times and versions as people do', () => {
    expect([0, 999, 1000, 25_950_000, 3e9].map(bytesText)).toEqual([
      '0 bytes',
      '999 bytes',
      '1.0 kB',
      '25.9 MB',
      '3.0 GB',
    ]);
    expect([-3, 59.4, 200, 7500, 4e5].map(durationText)).toEqual(['0 s', '59 s', '3 min 20 s', '2 h 5 min', '4 days']);
    expect(versionText(1)).toBe('1');
    expect(versionText(1550190683)).toBe('1550190683 (2019-02-15 00:31:23 UTC)');
  });
});

describe('server-sent events', () => {
  const stream =
    ': hello\r\nevent: status\r\ndata: {"a":1,\r\ndata: "b":"ü"}\r\n\r\nevent: other\ndata: 1\n\nevent: log\ndata:{"x":2}\n\nevent: log\ndata: {"cut"';

  it('are read the same however the bytes are split; one that is cut off is dropped', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(stream.length), { maxLength: 8 }), async (cuts) => {
        const marks = [0, ...cuts.toSorted((a, b) => a - b), stream.length];
        const pieces = marks.slice(1).map((end, index) => stream.slice(marks[index], end));
        const events = [];
        for await (const event of readEvents(Readable.from(pieces))) events.push(event);
        expect(events).toEqual([
          { event: 'alive' },
          { event: 'status', data: { a: 1, b: 'ü' } },
          { event: 'log', data: { x: 2 } },
        ]);
      }),
    );
  });
});
