import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ListedContent } from '../../../protocol/archive.ts';
import { keptArchive } from '../../support/kept-archive.ts';
import { longNameRow, magics, packageRows, paxRow, type TarRow, tarBytes, testVersion, testTop as top } from '../../support/tar-bytes.ts'; // biome-ignore format: one line
import { mutate } from '../mutate.ts';
import type { Random } from '../random.ts';
import { Broken, outcome, type Target } from '../target.ts';

const limits = { maxUnpackedBytes: 4 * 1024 * 1024, maxEntries: 50 };
const headerBytes = 512;
/** So many accepted archives are unpacked by GNU tar as well, then one in as many. */
const alwaysCompared = 250;
const compareOneIn = 100;

/** Fields of a header, by their first byte and length. */
const fields = [[0, 100], [100, 8], [108, 8], [124, 12], [136, 12], [148, 8], [156, 1], [157, 100], [257, 8], [345, 155], [475, 37]] as const; // biome-ignore format: one line
const words = ['\0', '/', '..', '../', './', '\\', '0', '7777777', '\x80\0\0\0', '\xff\xff', 'ustar\u000000', 'ustar  \0', '5', 'L', 'x', 'g', '1', '2', top, 'VERSION', 'install_update.sh', '11 path=a\n', '12 size=99\n', 'é', 'ſ', '\n'].map((word) => Buffer.from(word, 'latin1')); // biome-ignore format: one line

/** Archives as real programs make them. */
function realArchives(): Buffer[] {
  const folder = mkdtempSync(join(tmpdir(), 'opq-fuzz-'));
  try {
    const put = (name: string, content: string) => {
      const path = join(folder, top, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
    };
    put('VERSION', `${testVersion}\n`);
    put('install_update.sh', '#!/bin/sh\n');
    put('update.json', '{"notes":"x"}');
    put('a/b/run', 'x'.repeat(600));
    put('empty', '');
    chmodSync(join(folder, top, 'install_update.sh'), 0o755);
    const tar = (format: string, cwd: string, what: string) =>
      execFileSync('tar', ['-cf', '-', `--format=${format}`, '--sort=name', '--mtime=@0', what], { cwd });
    const shapes = ['gnu', 'pax', 'ustar', 'v7'].map((format) => tar(format, folder, top));
    shapes.push(tar('gnu', join(folder, top), '.'));
    put(`${'long/'.repeat(21)}${'n'.repeat(120)}`, 'long');
    return [...shapes, tar('gnu', folder, top), tar('pax', folder, top)];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** As a hostile packer would write it: any row that the format can say. */
function anyRows(random: Random): TarRow[] {
  const tail = Array.from({ length: 1 + random.below(3) }, () =>
    random.pick(['a', 'b', 'A', '..', '.', '', 'VERSION', 'é', 'e\u0301', '\\', 'x'.repeat(90), '\n', ' ']),
  ).join('/');
  const name = random.oneIn(5) ? tail : `${top}/${tail}`;
  const type = random.pick(['0', '0', '0', '0', '5', '5', '\0', '1', '2', 'L', 'x', 'S']);
  const content = type === '5' || random.oneIn(3) ? '' : 'c'.repeat(random.below(1100));
  const row = { name, type, content, mode: random.below(0o10000), magic: random.pick(Object.values(magics)) };
  if (random.oneIn(4)) return [longNameRow(name), { ...row, name: 'cut' }];
  return random.oneIn(4) ? [paxRow([['path', name]]), { ...row, name: 'cut' }] : [row];
}

/** A header that says something else, with a checksum that holds. */
function changeHeader(bytes: Buffer, random: Random): Buffer {
  const at = headerBytes * random.below(Math.max(1, Math.floor(bytes.length / headerBytes)));
  const changed = Buffer.from(bytes);
  const block = changed.subarray(at, at + headerBytes);
  if (block.length < headerBytes) return changed;
  const [start, length] = random.pick(fields);
  mutate(block.subarray(start, start + length), random, words).copy(block, start, 0, length);
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return changed;
}

function make(random: Random, real: readonly Buffer[]): Buffer {
  const written = () => {
    const rows = Array.from({ length: random.below(4) }, () => anyRows(random)).flat();
    return tarBytes(packageRows(...rows));
  };
  let bytes = random.oneIn(2) ? random.pick(real) : written();
  for (let n = random.below(4); n > 0; n--) {
    bytes = random.oneIn(4) ? mutate(bytes, random, words) : changeHeader(bytes, random);
  }
  return bytes;
}

/** Path below the package's folder to what is there: a folder, or the mode and the bytes of a file. */
type Tree = Map<string, string>;

const fileText = (executable: boolean, bytes: Buffer) => `${executable ? 'x' : '-'} ${bytes.toString('latin1')}`;

function treeOf({ content, files }: ReturnType<typeof keptArchive>): Tree {
  const tree: Tree = new Map();
  for (const { kind, name, mode } of content.entries) {
    for (let slash = name.indexOf('/'); slash > 0; slash = name.indexOf('/', slash + 1)) {
      tree.set(name.slice(0, slash), 'folder');
    }
    tree.set(name, kind === 'folder' ? 'folder' : fileText((mode & 0o100) !== 0, files.get(name)!));
  }
  return tree;
}

function treeOnDisk(folder: string, below = '', tree: Tree = new Map()): Tree {
  for (const name of readdirSync(join(folder, below))) {
    const path = below === '' ? name : `${below}/${name}`;
    const found = lstatSync(join(folder, path));
    if (found.isDirectory()) {
      tree.set(path, 'folder');
      treeOnDisk(folder, path, tree);
    } else if (!found.isFile() || found.nlink > 1) throw new Broken(`GNU tar made something else of ${path}.`);
    else tree.set(path, fileText((found.mode & 0o100) !== 0, readFileSync(join(folder, path))));
  }
  return tree;
}

/** What GNU tar, which shares nothing with us, unpacks from the same bytes. */
function treeOfGnuTar(bytes: Buffer): Tree {
  const folder = mkdtempSync(join(tmpdir(), 'opq-fuzz-'));
  try {
    const options = ['-xf', '-', '--no-same-owner', '--same-permissions', '--no-xattrs', '-C', folder];
    const { stderr } = spawnSync('tar', options, { input: bytes, encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } }); // biome-ignore format: one line
    const tree = treeOnDisk(folder);
    // Packed from within, as ./, the package lies in the folder itself.
    if (!tree.has(top)) return tree;
    const inside: Tree = new Map();
    for (const [path, what] of tree) {
      if (path === top) continue;
      if (!path.startsWith(`${top}/`)) throw new Broken(`GNU tar put ${path} outside of the package: ${stderr}`);
      inside.set(path.slice(top.length + 1), what);
    }
    return inside;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function mustBeEqual(ours: Tree, theirs: Tree): void {
  for (const [path, what] of ours) {
    if (theirs.get(path) !== what)
      throw new Broken(`${path}: ours ${brief(what)}, of GNU tar ${brief(theirs.get(path))}`);
  }
  for (const path of theirs.keys()) if (!ours.has(path)) throw new Broken(`GNU tar also unpacks ${path}.`);
}

const brief = (what: string | undefined) => JSON.stringify(what?.slice(0, 60) ?? 'nothing');

function mustBeClean({ entries, unpackedBytes }: ListedContent, bytes: Buffer): void {
  const names = entries.map(({ name }) => name);
  if (new Set(names.map((name) => name.toLowerCase())).size !== names.length)
    throw new Broken('A name is there twice.');
  for (const { name, mode } of entries) {
    const parts = name.split('/');
    if (parts.some((part) => part === '' || part === '.' || part === '..')) throw new Broken(`The name ${name}`);
    if ([...name].some((letter) => letter < ' ' || letter === '\x7f' || letter === '\\')) throw new Broken(name);
    if ((mode & ~0o755) !== 0) throw new Broken(`The mode ${mode.toString(8)}`);
  }
  if (names.length > limits.maxEntries || unpackedBytes > bytes.length) throw new Broken('More than the limits.');
}

export const archive: Target = {
  name: 'archive',
  cases: 100_000,
  sideBySide: 1,
  async open() {
    const real = realArchives();
    let accepted = 0;
    return {
      make: (random) => make(random, real),
      judge(input) {
        const read = (chunkBytes?: number) => keptArchive(input, limits, chunkBytes);
        const found = outcome(() => read());
        const inPieces = outcome(() => read(1 + (input.length % 700)));
        if (!isDeepStrictEqual(found, inPieces)) throw new Broken('In other pieces it is another archive.');
        if ('code' in found) return found.code;
        mustBeClean(found.value.content, input);
        accepted++;
        if (accepted > alwaysCompared && accepted % compareOneIn !== 0) return 'accepted';
        mustBeEqual(treeOf(found.value), treeOfGnuTar(input));
        return 'accepted, and unpacked by GNU tar to the same';
      },
      close: async () => {},
    };
  },
};
