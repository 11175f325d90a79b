/**
 * Tar archives byte by byte, good ones and hostile ones: what no tar program would write is one row here.
 * Nothing is checked and nothing is shared with the code under test.
 */
export interface TarRow {
  readonly name: string | Buffer;
  readonly content?: string | Buffer;
  /** One character; '0' (file) by default, '5' (folder) when the name ends in a slash. */
  readonly type?: string;
  readonly mode?: number;
  /** The size that the header claims; the true one by default. A string goes into the field as it is. */
  readonly size?: number | string | Buffer;
  readonly linkname?: string;
  readonly prefix?: string | Buffer;
  /** The format, by the 8 bytes that name it. */
  readonly magic?: string;
  /** The last word over the block, before or after its checksum is computed. */
  readonly beforeSum?: (block: Buffer) => void;
  readonly afterSum?: (block: Buffer) => void;
}

export const testVersion = 1550190683;
export const testTop = `opq-box-update-${testVersion}`;

export const magics = { ustar: 'ustar\u000000', gnu: 'ustar  \0', v7: '\0'.repeat(8) } as const;

/** The archive of these rows; `end` is what follows them, by default two zero blocks. */
export function tarBytes(rows: readonly TarRow[], end: Buffer = Buffer.alloc(1024)): Buffer {
  return Buffer.concat([...rows.flatMap((row) => [header(row), padded(row.content ?? '')]), end]);
}

/** A whole good package, and what else it holds. */
export const packageRows = (...more: readonly TarRow[]): TarRow[] => [
  { name: `${testTop}/` },
  { name: `${testTop}/VERSION`, content: `${testVersion}\n` },
  { name: `${testTop}/install_update.sh`, content: '#!/bin/sh\n', mode: 0o755 },
  ...more,
];

/** The extended header (pax) for the row after it; `type: 'g'` makes it a global one. */
export const paxRow = (records: readonly (readonly [string, string | Buffer])[], type = 'x'): TarRow => ({
  name: 'PaxHeaders/x',
  type,
  content: Buffer.concat(records.map(([key, value]) => paxRecord(key, value))),
});

/** GNU's record that gives the row after it a long name. */
export const longNameRow = (name: string | Buffer): TarRow => ({
  name: '././@LongLink',
  type: 'L',
  content: Buffer.concat([Buffer.from(name), Buffer.alloc(1)]),
});

/** Everything that a push-and-end reader says to these bytes, given in pieces of `chunkBytes`. */
export function feedAll<T>(reader: { push(chunk: Uint8Array): void; end(): T }, bytes: Buffer, chunkBytes = 65_536): T {
  for (let at = 0; at < bytes.length; at += chunkBytes) reader.push(bytes.subarray(at, at + chunkBytes));
  return reader.end();
}

function header(row: TarRow): Buffer {
  const { content = '', mode = 0o644, linkname = '', prefix = '', magic = magics.ustar } = row;
  const isFolder = row.name.toString('latin1').endsWith('/');
  const size = row.size ?? Buffer.byteLength(content);
  const block = Buffer.alloc(512);
  const put = (value: string | Buffer, offset: number) => Buffer.from(value).copy(block, offset);
  put(Buffer.from(row.name).subarray(0, 100), 0);
  put(octal(mode, 7), 100);
  put(octal(0, 7), 108);
  put(octal(0, 7), 116);
  put(typeof size === 'number' ? octal(size, 11) : size, 124);
  put(octal(testVersion, 11), 136);
  put(row.type ?? (isFolder ? '5' : '0'), 156);
  put(linkname, 157);
  put(Buffer.from(magic, 'latin1'), 257);
  put(prefix, 345);
  row.beforeSum?.(block);
  block.fill(' ', 148, 156);
  put(
    `${octal(
      block.reduce((sum, byte) => sum + byte, 0),
      6,
    )}\0 `,
    148,
  );
  row.afterSum?.(block);
  return block;
}

function padded(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

function paxRecord(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')]);
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0');
