import { describe, expect, it } from 'vitest';
import { defaultArchiveLimits } from '../../protocol/archive.ts';
import { configKeys } from '../../protocol/config-keys.ts';
import { keptArchive, listArchive } from '../support/kept-archive.ts';
import {
  longNameRow,
  magics,
  packageRows,
  paxRow,
  type TarRow,
  tarBytes,
  testVersion,
  testTop as top,
} from '../support/tar-bytes.ts';

const read = (bytes: Buffer) => listArchive(bytes);
const readWith = (...more: TarRow[]) => read(tarBytes(packageRows(...more)));
const names = (content: ReturnType<typeof read>) => content.entries.map(({ name }) => name);
const at = (name: string) => `${top}/${name}`;

describe('an archive that is an update package', () => {
  it('is listed as it comes', () => {
    const bytes = tarBytes(
      packageRows(
        { name: at('daemon/lib/deep.txt'), content: 'deep' },
        { name: at('daemon/') },
        { name: at('daemon/lib/') },
        { name: at('empty'), content: '' },
      ),
    );
    const content = read(bytes);
    expect(names(content)).toEqual([
      'VERSION',
      'install_update.sh',
      'daemon/lib/deep.txt',
      'daemon',
      'daemon/lib',
      'empty',
    ]);
    expect(content).toMatchObject({ version: testVersion, unpackedBytes: 11 + 10 + 4, updateJson: undefined });
  });

  it.each([1, 100, 511, 65_536])('gives the bytes of each file to who keeps them, in pieces of %i', (chunkBytes) => {
    const content = 'x'.repeat(700);
    const bytes = tarBytes(packageRows({ name: at('a'), content }, { name: at('b'), content: 'bb' }));
    const { files } = keptArchive(bytes, defaultArchiveLimits, chunkBytes);
    const expected = { VERSION: `${testVersion}\n`, 'install_update.sh': '#!/bin/sh\n', a: content, b: 'bb' };
    expect(Object.fromEntries([...files].map(([name, inside]) => [name, inside.toString()]))).toEqual(expected);
  });

  it('loses setuid, setgid and write permission for others, and keeps what its owner needs', () => {
    const { entries } = readWith(
      { name: at('evil'), mode: 0o6777 },
      { name: at('shut/'), mode: 0 },
      { name: at('closed'), mode: 0 },
      { name: at('open/'), mode: 0o1777 },
    );
    const modes = Object.fromEntries(entries.map(({ name, mode }) => [name, mode.toString(8)]));
    expect(modes).toMatchObject({ evil: '755', shut: '700', closed: '600', open: '755' });
  });

  it('may be rooted at ./ instead of its top folder', () => {
    const rows = packageRows({ name: at('a/b'), content: 'b' });
    const rooted = rows.map((row) => ({ ...row, name: String(row.name).replace(top, '.') }));
    expect(names(read(tarBytes(rooted)))).toEqual(names(read(tarBytes(rows))));
  });

  it('may have ./ before its top folder, and list both', () => {
    const rows = packageRows().map((row) => ({ ...row, name: `./${row.name}` }));
    expect(names(read(tarBytes([{ name: './' }, ...rows])))).toEqual(['VERSION', 'install_update.sh']);
  });

  it('holds a release to the bytes that its update.json names', () => {
    const about = (bytes: number) => ({ name: at('update.json'), content: `{"unpacked_bytes":${bytes}}` });
    expect(readWith(about(1000)).unpackedBytes).toBeLessThan(1000);
    expect(() => readWith(about(12))).toThrow(/has 12 bytes, found \d+/);
  });

  it('tells what its update.json says', () => {
    const { updateJson } = readWith({ name: at('update.json'), content: '{"hardware":["rpi/3"],"notes":"Faster"}' });
    expect(updateJson).toEqual({ hardware: ['rpi/3'], notes: 'Faster' });
  });

  it.each([
    ['a GNU long name', longNameRow(at('long/'.repeat(20))), `${'long/'.repeat(20)}`.slice(0, -1)],
    ['a pax path', paxRow([['path', at('grüße/ß')]]), 'grüße/ß'],
    [
      'a pax path of 255 bytes',
      paxRow([['path', at(`${'d'.repeat(127)}/${'f'.repeat(127)}`)]]),
      `${'d'.repeat(127)}/${'f'.repeat(127)}`,
    ],
    [
      'a pax path with remarks',
      paxRow([
        ['mtime', '1.5'],
        ['SCHILY.xattr.user.x', 'y'],
        ['path', at('p')],
      ]),
      'p',
    ],
  ])('may name an entry by %s', (_, extension, name) => {
    const row: TarRow = { name: 'cut', ...(name.includes('long') ? { type: '5' } : { content: 'x' }) };
    expect(names(readWith(extension, row))).toContain(name);
  });

  it('keeps a file whose long name, cut at 100 bytes, ends in a slash', () => {
    const name = at(`${'a'.repeat(99 - top.length - 1)}/file`);
    const content = readWith(longNameRow(name), { name, type: '0', content: 'kept' });
    expect(content.entries.at(-1)).toMatchObject({ kind: 'file', sizeBytes: 4, name: name.slice(top.length + 1) });
  });

  it.each([
    ['a name in two fields', { name: 'file', prefix: at('in/prefix') }, 'in/prefix/file'],
    ['a folder as the first tar wrote it', { name: at('old/'), type: '\0', magic: magics.v7 }, 'old'],
    [
      'a size in base-256',
      { name: at('b256'), content: 'abc', size: Buffer.from('800000000000000000000003', 'hex') },
      'b256',
    ],
    ['a GNU header', { name: at('gnu'), content: 'abc', magic: magics.gnu }, 'gnu'],
    ['a file of macOS attributes', { name: at('._VERSION'), content: 'AppleDouble' }, '._VERSION'],
    ['a name of 32 parts', { name: at(`${'d/'.repeat(31)}f`) }, `${'d/'.repeat(31)}f`],
    [
      'attributes of macOS',
      paxRow([
        ['SCHILY.xattr.com.apple.provenance', '\u0001\u0000'],
        ['LIBARCHIVE.xattr.x', 'AQA'],
      ]),
      'VERSION',
    ],
    ['the remark of git archive', paxRow([['comment', '0123abcd']], 'g'), 'VERSION'],
    ['a script that is not executable', { name: at('x.sh'), mode: 0o600 }, 'x.sh'],
  ] as [string, TarRow, string][])('may hold %s', (_, row, name) => {
    expect(names(readWith(row, { name: at('next') }))).toContain(name);
  });

  it('may be filled up with zeros after its end', () => {
    expect(names(read(tarBytes(packageRows(), Buffer.alloc(10_240))))).toHaveLength(2);
    expect(names(read(tarBytes(packageRows(), Buffer.alloc(1024 + 7))))).toHaveLength(2);
  });

  it('is held to the limits that the configuration has as defaults', () => {
    expect(defaultArchiveLimits).toEqual({
      maxUnpackedBytes: configKeys.max_unpacked_bytes.default,
      maxEntries: configKeys.max_entries.default,
    });
  });
});
