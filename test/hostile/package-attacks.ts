/**
 * Packages that were signed and yet are wrong: a row each, made byte by byte. To add one: the threat's number, what
 * it holds, the code with which the box refuses it, and its bytes - rows of an archive, or anything.
 */
import { gzipSync } from 'node:zlib';
import type { ErrorCode } from '../../protocol/error-codes.ts';
import { bzip2 } from '../support/a-release.ts';
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

export interface PackageAttack {
  readonly threat: string;
  readonly what: string;
  readonly code: ErrorCode;
  /** @param outside a folder beside the box, which nobody may write to */
  readonly bytes: (outside: string) => Buffer;
}

const at = (name: string) => `${top}/${name}`;
const x = { name: at('x'), content: 'x' };
/** The rows of a good package with these in place of its own. */
const but = (name: string, ...rows: Omit<TarRow, 'name'>[]) => [
  ...packageRows().filter((row) => row.name !== at(name)),
  ...rows.map((row) => ({ name: at(name), ...row })),
];
const packed = (rows: readonly TarRow[], end?: Buffer) => bzip2(tarBytes(rows, end));
const good = () => packed(packageRows(x));

/** Entries that are added to a good package. */
const added: readonly (readonly [threat: string, what: string, ...rows: (TarRow | ((outside: string) => TarRow))[]])[] =
  [
    ['20', 'an absolute name', (outside) => ({ name: `${outside}/absolute`, content: 'x' })],
    ['20', 'an absolute name in a pax header', (outside) => paxRow([['path', `${outside}/pax`]]), x],
    ['20', 'a long absolute name', (outside) => longNameRow(`${outside}/${'l'.repeat(120)}`), x],
    ['20', 'a name that leaves its folder', { name: at('../../../../outside/climbed'), content: 'x' }],
    ['20', 'a name that begins with ..', { name: '../climbed', content: 'x' }],
    ['20', 'a name with a backslash', { name: at('..\\..\\climbed'), content: 'x' }],
    ['20', 'a name with an escape sequence', { name: at('\u001b[2J'), content: 'x' }],
    ['20', 'a name with a line end', { name: at('a\nb'), content: 'x' }],
    [
      '20',
      'a pax name that a NUL cuts down to install_update.sh',
      paxRow([['path', `${at('install_update.sh')}\0.txt`]]),
      x,
    ],
    ['20', 'a name of 256 bytes', paxRow([['path', at(`${'d'.repeat(127)}/${'f'.repeat(128)}`)]]), x],
    ['20', 'a file 33 folders deep', paxRow([['path', at(`${'d/'.repeat(32)}f`)]]), x],
    ['20', '20,001 files', ...Array.from({ length: 20_001 }, (_, n) => ({ name: at(`files/${n}`) }))],
    ['21', 'a symbolic link', { name: at('link'), type: '2', linkname: '/etc/passwd' }],
    [
      '21',
      'a symbolic link, and a file through it',
      (outside) => ({ name: at('link'), type: '2', linkname: outside }),
      { name: at('link/through'), content: 'x' },
    ],
    ['21', 'a hard link', { name: at('link'), type: '1', linkname: '/etc/passwd' }],
    ['21', 'a character device', { name: at('device'), type: '3' }],
    ['21', 'a block device', { name: at('device'), type: '4' }],
    ['21', 'a FIFO', { name: at('pipe'), type: '6' }],
    ['21', 'a contiguous file', { ...x, type: '7' }],
    ['21', 'a file with holes', { ...x, type: 'S', magic: magics.gnu }],
    ['23', 'a name twice', x, x],
    ['23', 'a second install_update.sh', { name: at('install_update.sh'), content: 'rm -rf /\n' }],
    ['23', 'a second VERSION but for case', { name: at('version'), content: '1\n' }],
    ['23', 'a name twice in two Unicode forms', { name: at('\u00e9') }, { name: at('e\u0301') }],
    ['23', 'a second top folder', { name: 'opq-box-update-1550190999/' }],
    ['23', 'a file as parent of another', x, { name: at('x/y'), content: 'y' }],
    ['24', 'a file that claims 8 GiB', { name: at('big'), size: 8 * 1024 ** 3 - 1 }],
    ['24', 'a file of negative size', { name: at('negative'), size: Buffer.alloc(12, 0xff) }],
    ['24', 'a file of 300 MB of zeros', { name: at('zeros'), content: Buffer.alloc(300_000_000) }],
    [
      '26',
      'a link between good files',
      x,
      { name: at('y'), type: '2', linkname: 'x' },
      { name: at('z'), content: 'z' },
    ],
  ];

/** Whole packages. */
const whole: readonly (readonly [threat: string, what: string, code: ErrorCode, bytes: () => Buffer])[] = [
  [
    '23',
    'the top folder of another release',
    'VERSION_MISMATCH',
    () => packed([{ name: 'opq-box-update-1550190999/' }]),
  ],
  ['23', 'a top folder of another name', 'ARCHIVE_REFUSED', () => packed([{ name: 'update/' }])],
  ['23', 'no top folder', 'ARCHIVE_REFUSED', () => packed([{ name: 'VERSION', content: `${testVersion}` }])],
  ['24', '300 MB of zeros after its end', 'ARCHIVE_REFUSED', () => packed(packageRows(), Buffer.alloc(300_000_000))],
  ['24', 'nothing but 300 MB of zeros', 'ARCHIVE_REFUSED', () => bzip2(Buffer.alloc(300_000_000))],
  ['25', 'half of a package', 'ARCHIVE_CORRUPT', () => good().subarray(0, good().length >> 1)],
  ['25', 'an archive without its end', 'ARCHIVE_CORRUPT', () => packed(packageRows(), Buffer.alloc(0))],
  ['25', 'two packages in a row', 'ARCHIVE_CORRUPT', () => Buffer.concat([good(), good()])],
  ['25', 'nothing', 'ARCHIVE_CORRUPT', () => Buffer.alloc(0)],
  ['25', 'bzip2 of nothing', 'ARCHIVE_CORRUPT', () => bzip2(Buffer.alloc(0))],
  ['25', 'a package packed with gzip', 'ARCHIVE_CORRUPT', () => gzipSync(tarBytes(packageRows()))],
  ['25', 'a zip file', 'ARCHIVE_CORRUPT', () => Buffer.concat([Buffer.from('PK\u0003\u0004'), Buffer.alloc(500)])],
  ['25', 'a web page', 'ARCHIVE_CORRUPT', () => Buffer.from('<html>'.repeat(100))],
  ['27', 'no VERSION', 'ARCHIVE_REFUSED', () => packed(but('VERSION'))],
  ['27', 'a VERSION of a megabyte', 'ARCHIVE_REFUSED', () => packed(but('VERSION', { content: '1'.repeat(2 ** 20) }))],
  ['27', 'a binary VERSION', 'VERSION_MISMATCH', () => packed(but('VERSION', { content: Buffer.from([0, 255, 7]) }))],
  ['27', 'a VERSION with CRLF', 'VERSION_MISMATCH', () => packed(but('VERSION', { content: `${testVersion}\r\n` }))],
  [
    '27',
    'a VERSION with a leading zero',
    'VERSION_MISMATCH',
    () => packed(but('VERSION', { content: `0${testVersion}` })),
  ],
  ['27', 'no install_update.sh', 'ARCHIVE_REFUSED', () => packed(but('install_update.sh'))],
  ['27', 'an empty install_update.sh', 'ARCHIVE_REFUSED', () => packed(but('install_update.sh', {}))],
  [
    '27',
    'an install_update.sh that is a folder',
    'ARCHIVE_REFUSED',
    () => packed(but('install_update.sh', { type: '5' })),
  ],
  [
    '28',
    'an update.json that wants to write to /boot',
    'PATH_NOT_UNDOABLE',
    () => packed(packageRows(updateJson('/boot/firmware'))),
  ],
  [
    '28',
    'an update.json that wants to write to the keys',
    'PATH_NOT_UNDOABLE',
    () => packed(packageRows(updateJson('/etc/opq-updater'))),
  ],
];

const updateJson = (path: string): TarRow => ({
  name: at('update.json'),
  content: JSON.stringify({ writable_paths: [path] }),
});

export const packageAttacks: readonly PackageAttack[] = [
  ...added.map(
    ([threat, what, ...rows]): PackageAttack => ({
      threat,
      what,
      code: 'ARCHIVE_REFUSED',
      bytes: (outside) => packed(packageRows(...rows.map((row) => (typeof row === 'function' ? row(outside) : row)))),
    }),
  ),
  ...whole.map(([threat, what, code, bytes]): PackageAttack => ({ threat, what, code, bytes })),
];

/** Those that are decoded in full before they are refused, or try to be: for the decoder that is built in, too. */
export const bombs: readonly PackageAttack[] = packageAttacks.filter(({ what }) => /zeros|20,001/.test(what));
