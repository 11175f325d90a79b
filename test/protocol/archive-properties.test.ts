import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ListedContent } from '../../protocol/archive.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { listArchive } from '../support/kept-archive.ts';
import {
  longNameRow,
  magics,
  packageRows,
  paxRow,
  type TarRow,
  tarBytes,
  testTop as top,
} from '../support/tar-bytes.ts';

/** What a reader says, as a value: the content or the code. Anything but an UpdateError is thrown on. */
function verdict(bytes: Buffer, chunkBytes?: number): ListedContent | string {
  try {
    return listArchive(bytes, undefined, { chunkBytes });
  } catch (error) {
    if (error instanceof UpdateError) return error.code;
    throw error;
  }
}

const nasty = ['..', '.', '', '/', '\\', '\0', 'a', 'A', 'VERSION', 'é', 'e\u0301', '\n', top, 'x'.repeat(90)];
const name = fc.array(fc.oneof(fc.constantFrom(...nasty), fc.string({ unit: 'grapheme' })), { maxLength: 5 }).map((parts) => parts.join('/')); // biome-ignore format: one line
const anyRow: fc.Arbitrary<TarRow[]> = fc
  .record({
    name,
    below: fc.boolean(),
    how: fc.constantFrom('field', 'long', 'pax'),
    type: fc.constantFrom('0', '0', '0', '5', '5', '\0', '1', '2', '7', 'L', 'x', 'g', 'Z'),
    magic: fc.constantFrom(...Object.values(magics)),
    mode: fc.nat(0o7777),
    content: fc.oneof(fc.constant(''), fc.string({ maxLength: 700 })),
  })
  .map(({ name: tail, below, how, ...rest }) => {
    const full = below ? `${top}/${tail}` : tail;
    const row = { ...rest, name: full, content: rest.type === '5' ? '' : rest.content };
    if (how === 'long') return [longNameRow(full), { ...row, name: 'cut' }];
    return how === 'pax' ? [paxRow([['path', full]]), { ...row, name: 'cut' }] : [row];
  });
const anyArchive = fc.array(anyRow, { maxLength: 6 }).map((rows) => tarBytes(packageRows(...rows.flat())));

describe('whatever bytes an archive is made of', () => {
  it('how they are cut into chunks changes nothing', () => {
    fc.assert(
      fc.property(anyArchive, fc.integer({ min: 1, max: 2000 }), (bytes, chunkBytes) => {
        expect(verdict(bytes, chunkBytes)).toEqual(verdict(bytes));
      }),
      { numRuns: 200 },
    );
  });

  it('every name that is accepted is clean, relative, unique and no parent of a file', () => {
    let accepted = 0;
    fc.assert(
      fc.property(anyArchive, (bytes) => {
        const content = verdict(bytes);
        if (typeof content === 'string') return;
        accepted++;
        const files = new Set(content.entries.filter(({ kind }) => kind === 'file').map((entry) => entry.name));
        expect(new Set(content.entries.map((entry) => entry.name)).size).toBe(content.entries.length);
        for (const entry of content.entries) {
          const parts = entry.name.split('/');
          expect(parts.every((part) => part !== '' && part !== '.' && part !== '..')).toBe(true);
          expect(entry.name).not.toMatch(/[\u0000-\u001f\u007f\\]/);
          expect(Buffer.byteLength(entry.name)).toBeLessThanOrEqual(255);
          expect(parts.some((_, depth) => depth > 0 && files.has(parts.slice(0, depth).join('/')))).toBe(false);
          expect(entry.mode & ~0o755).toBe(0);
          expect(entry.sizeBytes).toBeLessThan(bytes.length);
        }
      }),
      { numRuns: 500 },
    );
    // The property means something only when some archives pass.
    expect(accepted).toBeGreaterThan(20);
  });

  it('bytes changed at random lead to a verdict, never to a crash', () => {
    const change = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(anyArchive, fc.array(change, { minLength: 1, maxLength: 20 }), fc.nat(), (bytes, changes, cut) => {
        for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
        verdict(bytes);
        verdict(bytes.subarray(0, cut % bytes.length));
      }),
      { numRuns: 500 },
    );
  });

  it('headers changed at random, with a checksum that holds, lead to a verdict, never to a crash', () => {
    const change = fc.record({ at: fc.nat(511), byte: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
        const row: TarRow = {
          name: `${top}/a`,
          content: 'abc',
          beforeSum: (block) => {
            for (const { at, byte } of changes) block[at] = byte;
          },
        };
        verdict(tarBytes(packageRows(row)));
      }),
      { numRuns: 1000 },
    );
  });
});
