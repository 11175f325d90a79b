import { describe, expect, it } from 'vitest';
import { type ArchiveLimits, defaultArchiveLimits, readArchive } from '../../protocol/archive.ts';
import { errorOf } from '../support/error-of.ts';
import { listArchive } from '../support/kept-archive.ts';
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

const read = (bytes: Buffer, limits: ArchiveLimits = defaultArchiveLimits) => listArchive(bytes, limits);
const readWith = (...more: TarRow[]) => read(tarBytes(packageRows(...more)));
const at = (name: string) => `${top}/${name}`;
/** The rows of a good package with this one in place of its own. */
const packageBut = (name: string, ...rows: Omit<TarRow, 'name'>[]) => [
  ...packageRows().filter((row) => row.name !== at(name)),
  ...rows.map((row) => ({ name: at(name), ...row })),
];

describe('an archive that a box must not unpack', () => {
  const refusedRows: [string, ...TarRow[]][] = [
    ['a symbolic link', { name: at('l'), type: '2', linkname: '/etc/passwd' }],
    ['a hard link', { name: at('l'), type: '1', linkname: '/etc/passwd' }],
    ['a character device', { name: at('d'), type: '3' }],
    ['a block device', { name: at('d'), type: '4' }],
    ['a FIFO', { name: at('f'), type: '6' }],
    ['a contiguous file', { name: at('c'), type: '7', content: 'x' }],
    ['a sparse file', { name: at('s'), type: 'S', content: 'x', magic: magics.gnu }],
    ['a GNU dump folder', { name: at('d/'), type: 'D', magic: magics.gnu }],
    ['a long link target', { name: '././@LongLink', type: 'K', content: 'x\0' }],
    ['a volume label', { name: 'label', type: 'V' }],
    ['an entry of unknown type', { name: at('z'), type: 'Z' }],

    ['an absolute name', { name: '/etc/passwd' }],
    ['a name that leaves the top folder', { name: at('../../etc/passwd') }],
    ['a name that begins with ..', { name: '../x' }],
    ['a name that ends with ..', { name: at('a/..') }],
    ['a name with a . inside', { name: at('a/./b') }],
    ['a name with two slashes', { name: at('a//b') }],
    ['a folder with two slashes', { name: at('a//') }],
    ['an empty name', { name: '' }],
    ['a name with a backslash', { name: at('a\\b') }],
    ['a name with a line end', { name: at('a\nb') }],
    ['a name with an escape sequence', { name: at('\u001b[2J') }],
    ['a name with DEL', { name: at('a\u007f') }],
    ['a name that turns the reading direction', { name: at('a\u202egpj.sh') }],
    ['a name that is not UTF-8', { name: Buffer.concat([Buffer.from(at('a')), Buffer.from([0xff])]) }],
    ['a prefix that is not UTF-8', { name: 'a', prefix: Buffer.concat([Buffer.from(top), Buffer.from([0xc3])]) }],
    ['a name with something after its NUL', { name: `${at('a')}\0b` }],
    ['a name with a line separator after its NUL', { name: `${at('a')}\0\u2028b` }],
    ['a prefix with something after its NUL', { name: 'a', prefix: `${top}\0b` }],

    ['a pax path with a NUL', paxRow([['path', `${at('install_update.sh')}\0.txt`]]), { name: at('x') }],
    ['a pax path that is not UTF-8', paxRow([['path', Buffer.from([0x61, 0xff])]]), { name: at('x') }],
    ['a pax path that is absolute', paxRow([['path', '/etc/passwd']]), { name: at('x') }],
    ['an empty pax path', paxRow([['path', '']]), { name: at('x') }],
    [
      'two pax paths',
      paxRow([
        ['path', at('a')],
        ['path', at('b')],
      ]),
      { name: at('x') },
    ],
    ['two pax headers', paxRow([['path', at('a')]]), paxRow([['path', at('b')]]), { name: at('x') }],
    ['a pax link', paxRow([['linkpath', '/etc/passwd']]), { name: at('x') }],
    ['a pax size that differs', paxRow([['size', '0']]), { name: at('x'), content: 'hidden' }],
    ['a larger pax size', paxRow([['size', '512']]), { name: at('x'), content: 'short' }, { name: at('hidden') }],
    ['a pax size that is no number', paxRow([['size', '-1']]), { name: at('x') }],
    ['a pax sparse file', paxRow([['GNU.sparse.major', '1']]), { name: at('x') }],
    ['a pax sparse file of star', paxRow([['SCHILY.realsize', '9']]), { name: at('x') }],
    ['a pax key that nobody knows', paxRow([['frobnicate', '1']]), { name: at('x') }],
    ['a NUL in a pax value', paxRow([['comment', 'a\0b']]), { name: at('x') }],
    ['a global pax path', paxRow([['path', at('x')]], 'g')],
    ['a global pax size', paxRow([['size', '1']], 'g')],
    ['a GNU long name with a NUL', longNameRow(`${at('a')}\0b`), { name: at('x') }],
    ['a GNU long name that is not UTF-8', longNameRow(Buffer.from([0x61, 0xff])), { name: at('x') }],
    ['two GNU long names', longNameRow(at('a')), longNameRow(at('b')), { name: at('x') }],
    ['a GNU and a pax name', longNameRow(at('a')), paxRow([['path', at('b')]]), { name: at('x') }],

    ['a name of 256 bytes', paxRow([['path', at(`${'d'.repeat(127)}/${'f'.repeat(128)}`)]]), { name: 'x' }],
    ['a name of 33 parts', paxRow([['path', at(`${'d/'.repeat(32)}f`)]]), { name: 'x' }],
    ['a name twice', { name: at('a') }, { name: at('a') }],
    ['a folder twice', { name: at('a/') }, { name: at('a/') }],
    ['a name as file and folder', { name: at('a') }, { name: at('a/') }],
    ['a name twice but for case', { name: at('Version') }],
    ['a folder twice but for case', { name: at('Lib/a') }, { name: at('lib/b') }],
    ['a name twice but for ß', { name: at('straße') }, { name: at('STRASSE') }],
    ['a name twice in two Unicode forms', { name: at('\u00e9') }, { name: at('e\u0301') }],
    ['a name twice by compatible letters', { name: at('\ufb01le') }, { name: at('file') }],
    ['a file that is the parent of another', { name: at('a') }, { name: at('a/b') }],
    ['a parent that becomes a file', { name: at('a/b') }, { name: at('a') }],
    ['a second top folder', { name: 'other/' }],
    ['the top folder of another release beside its own', { name: 'opq-box-update-1550190999/' }],
    ['a file beside the top folder', { name: './README' }],
    ['the top folder as a file', { name: top, type: '0' }],
    ['the top folder twice', { name: `${top}/` }],

    ['a file that claims 8 GiB', { name: at('big'), size: 8 * 1024 ** 3 - 1 }],
    ['a file that claims 2^52 bytes', { name: at('big'), size: Buffer.from('800000000010000000000000', 'hex') }],
    ['a file of negative size', { name: at('neg'), size: Buffer.alloc(12, 0xff) }],
    ['a file of negative octal size', { name: at('neg'), size: '-0000000012' }],
    ['a file with letters in its size', { name: at('odd'), size: '0000000x012' }],
    ['a folder with a size', { name: at('d/'), size: 512 }],
    ['a folder with content', { name: at('d/'), content: 'x' }],
    ['a file that is named like a folder', paxRow([['path', at('d/')]]), { name: at('d') }],
    ['an old folder with content', { name: at('d/'), type: '\0', magic: magics.v7, content: 'x' }],

    ['an update.json that is no JSON', { name: at('update.json'), content: '{' }],
    ['an update.json with an unknown key', { name: at('update.json'), content: '{"hardwear":["x"]}' }],
    ['an update.json that is a folder', { name: at('update.json/') }],
    ['an update.json of a megabyte', { name: at('update.json'), content: ' '.repeat(1024 * 1024) }],
  ];
  it.each(refusedRows)('is refused when it holds %s', (_, ...rows) => {
    expect(errorOf(() => readWith(...rows))).toBe('ARCHIVE_REFUSED');
  });

  const wrongContent: [string, TarRow[], string][] = [
    ['no VERSION', packageBut('VERSION'), 'ARCHIVE_REFUSED'],
    ['a VERSION that is a folder', packageBut('VERSION', { type: '5' }), 'ARCHIVE_REFUSED'],
    ['a VERSION of 65 bytes', packageBut('VERSION', { content: '1'.repeat(65) }), 'ARCHIVE_REFUSED'],
    ['an empty VERSION', packageBut('VERSION', {}), 'VERSION_MISMATCH'],
    ['a binary VERSION', packageBut('VERSION', { content: Buffer.from([0, 255, 7]) }), 'VERSION_MISMATCH'],
    ['a VERSION with CRLF', packageBut('VERSION', { content: `${testVersion}\r\n` }), 'VERSION_MISMATCH'],
    ['a VERSION with a leading zero', packageBut('VERSION', { content: `0${testVersion}\n` }), 'VERSION_MISMATCH'],
    ['the VERSION of another release', packageBut('VERSION', { content: '1550190999\n' }), 'VERSION_MISMATCH'],
    ['no install_update.sh', packageBut('install_update.sh'), 'ARCHIVE_REFUSED'],
    ['an empty install_update.sh', packageBut('install_update.sh', {}), 'ARCHIVE_REFUSED'],
    ['an install_update.sh that is a folder', packageBut('install_update.sh', { type: '5' }), 'ARCHIVE_REFUSED'],
    ['only its top folder', [{ name: `${top}/` }], 'ARCHIVE_REFUSED'],
    ['nothing', [], 'ARCHIVE_REFUSED'],
    ['the top folder of another release', [{ name: 'opq-box-update-1550190999/' }], 'VERSION_MISMATCH'],
    ['a top folder of another name', [{ name: 'update/' }], 'ARCHIVE_REFUSED'],
    ['no top folder', [{ name: 'VERSION', content: `${testVersion}` }], 'ARCHIVE_REFUSED'],
  ];
  it.each(wrongContent)('is refused when it holds %s', (_, rows, code) => {
    expect(errorOf(() => read(tarBytes(rows)))).toBe(code);
  });

  it('is refused with one entry more than the limit, parents that are not listed included', () => {
    const rows = packageRows({ name: at('a/b/c') });
    expect(read(tarBytes(rows), { ...defaultArchiveLimits, maxEntries: 6 }).entries).toHaveLength(3);
    expect(errorOf(() => read(tarBytes(rows), { ...defaultArchiveLimits, maxEntries: 5 }))).toBe('ARCHIVE_REFUSED');
  });

  it('is refused as soon as a header claims more than the limit, before the bytes come', () => {
    const reader = readArchive(testVersion, { maxUnpackedBytes: 10_000, maxEntries: 10 });
    const header = tarBytes([{ name: at('big'), size: 9_600 }], Buffer.alloc(0));
    expect(errorOf(() => reader.push(header))).toBe('ARCHIVE_REFUSED');
    expect(errorOf(() => reader.end())).toBe('ARCHIVE_REFUSED');
  });

  it('is refused when zeros after its end pass the limit', () => {
    const bytes = tarBytes(packageRows(), Buffer.alloc(20_000));
    expect(errorOf(() => read(bytes, { maxUnpackedBytes: 20_000, maxEntries: 10 }))).toBe('ARCHIVE_REFUSED');
  });
});

describe('an archive that is damaged', () => {
  const good = tarBytes(packageRows({ name: at('a'), content: 'x'.repeat(600) }));
  const damaged: [string, Buffer][] = [
    ['is empty', Buffer.alloc(0)],
    ['has no end mark', good.subarray(0, -1024)],
    ['has half an end mark', good.subarray(0, -512)],
    ['ends within the content of a file', good.subarray(0, -1400)],
    ['ends within a header', good.subarray(0, 700)],
    ['goes on after its end mark', Buffer.concat([good, Buffer.from('x')])],
    ['has a second archive behind it', Buffer.concat([good, good])],
    ['has a lone zero block in the middle', Buffer.concat([Buffer.alloc(512), good])],
    ['has a wrong checksum', tarBytes(packageRows({ name: at('a'), afterSum: (block) => block.fill('7', 148, 154) }))],
    [
      'has a checksum out of range',
      tarBytes(packageRows({ name: at('a'), afterSum: (block) => block.fill(255, 148, 156) })),
    ],
    ['has a header of another format', tarBytes(packageRows({ name: at('a'), magic: 'ustar\u00007\u0000' }))],
    [
      'has a size that is no number here',
      tarBytes(packageRows({ name: at('a'), size: Buffer.from('800000001000000000000000', 'hex') })),
    ],
    // GNU tar stops at the letter in another way than others do, and unpacks a program.
    ['has letters in a mode', tarBytes(packageRows({ name: at('a'), beforeSum: (block) => block.write('000\xff644', 100, 'latin1') }))], // biome-ignore format: one line
    ['has a mode that never ends', tarBytes(packageRows({ name: at('a'), beforeSum: (block) => block.write('0000644o', 100) }))], // biome-ignore format: one line
    ['has no mode', tarBytes(packageRows({ name: at('a'), beforeSum: (block) => block.fill(0, 100, 108) }))],
    ['ends after a long name', tarBytes(packageRows(longNameRow(at('a'))))],
    ['ends after a pax header', tarBytes(packageRows(paxRow([['mtime', '1']])))],
    ['has a pax header of a megabyte', tarBytes(packageRows(paxRow([['comment', 'x'.repeat(2 ** 20)]])))],
    ...[
      'path=x\n',
      '5 a=b\n',
      '99 path=x\n',
      '0 path=x\n',
      '13 comment=a',
      '6 abc\n',
      '7 =abc\n',
      ' 7 a=b\n',
      '-6 a=b\n',
      '13 comment=a\nx',
    ].map((content): [string, Buffer] => [
      `has the pax header ${JSON.stringify(content)}`,
      tarBytes(packageRows({ name: 'pax', type: 'x', content }, { name: at('a') })),
    ]),
    ['is a web page', Buffer.from('<!doctype html><title>Log in</title>'.padEnd(2048))],
  ];
  it.each(damaged)('is told apart when it %s', (_, bytes) => {
    expect(errorOf(() => read(bytes))).toBe('ARCHIVE_CORRUPT');
  });
});
