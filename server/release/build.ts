import { createHash } from 'node:crypto';
import { mkdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { defaultArchiveLimits, readArchive } from '../../protocol/archive.ts';
import { installScriptName } from '../../protocol/archive-content.ts';
import { oneBzip2Stream } from '../../protocol/bzip2.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { packageName, quote, releaseVersionPattern } from '../../protocol/version.ts';
import { packed } from './bzip2.ts';
import { tap } from './chunks.ts';
import { type ContentRow, contentTree } from './content-tree.ts';
import { sizeCheck, undoable } from './judge-package.ts';
import { digest, withPackage } from './package-file.ts';
import { exists, putFile } from './put-file.ts';
import { tarOf } from './tar-writer.ts';
import { counted, sizeText } from './text.ts';
import { mustSayItsVersion, withKeys, withUpdater } from './updater-content.ts';
import { verb } from './verb.ts';

export const build = verb({
  summary: 'make a package of a folder',
  operands: ['CONTENT_DIR'],
  options: {
    out: { type: 'string', value: 'DIR', help: 'where the package goes (default: .)' },
    version: { type: 'string', value: 'N', help: 'seconds since the epoch (default: now)' },
    updater: { type: 'string', value: 'DIR', help: 'bring the updater in DIR to the boxes' },
    keys: { type: 'string', value: 'CHAIN', help: 'carry this chain of keys, see "key-rollover"' },
  },
  details: `Packs what is in CONTENT_DIR, below the top folder opq-box-update-N, as opq-box-update-N.tar.bz2.
CONTENT_DIR holds install_update.sh, the components and, if you like, update.json. It is not changed;
VERSION is written into the package, in place of a VERSION that may be there.
Same content and version, same bytes: owners, times and modes of the files do not count, but for
"its owner may run it". Links, devices and whatever else a box refuses are refused here, before
there is a package. A package that exists with other bytes is not overwritten.
--updater takes a folder that holds opq-updater.js and package.json: all of it goes into the package
as opq-updater/, and update.json says so. Boxes take it where it is newer than the one that runs.
An updater is asked for its version, which has to be the one that update.json says.`,
  examples: [
    ['opq-release build content', 'a package in this folder, its version is now'],
    ['opq-release build content --out packages --version 1550190683', 'the same bytes, whoever builds it'],
    ['opq-release build content --updater updater', 'with a new version of the updater itself'],
  ],

  async run({ CONTENT_DIR: folder, out = '.', version: wanted, updater, keys }, { nowS }) {
    const version = wanted === undefined ? nowS : versionFrom(wanted);
    await mustBeApart(folder, out);
    await mkdir(out, { recursive: true });
    const path = join(out, packageName(version));
    const tree = await contentTree(folder, version);
    mustHaveScript(folder, tree);
    const content = keys === undefined ? tree : await withKeys(tree, keys);
    const rows = updater === undefined ? content : await withUpdater(content, updater);
    if (updater === undefined) await mustSayItsVersion(rows);
    const judge = readArchive(version, defaultArchiveLimits);
    const stream = oneBzip2Stream();
    const size = sizeCheck();
    const hash = createHash('sha256');
    let sizeBytes = 0;

    const { judged, sha256 } = await putFile(path, async (temp) => {
      // What the box will read is judged on its way into the packer.
      for await (const chunk of packed(tap(tarOf(rows, version), judge.push))) {
        for (const look of [size, stream.push, (bytes: Uint8Array) => hash.update(bytes)]) look(chunk);
        sizeBytes += chunk.length;
        await temp.writeFile(chunk);
      }
      stream.end();
      const built = { judged: undoable(judge.end()), sha256: hash.digest('hex') };
      await mustNotDiffer(path, built.sha256);
      return built;
    });
    const { fileCount: files } = judged;
    return {
      text: `${path}\n${sizeText(sizeBytes)} packed, ${sizeText(judged.unpackedBytes)} in ${counted(files, 'file')}\nsha256 ${sha256}`,
      json: { package: path, version, size: sizeBytes, sha256, files, unpacked_bytes: judged.unpackedBytes },
    };
  },
});

function versionFrom(text: string): number {
  if (releaseVersionPattern.test(text)) return Number(text);
  throw new UpdateError('USAGE', `--version is whole seconds since the epoch, 9 to 12 digits, found ${quote(text)}.`);
}

/** What every box would refuse, said of the folder that a person can mend. */
function mustHaveScript(folder: string, tree: readonly ContentRow[]): void {
  const script = tree.find((row) => row.name === installScriptName && row.kind === 'file');
  if (script?.kind === 'file' && script.sizeBytes > 0) return;
  const found = script ? 'empty' : 'missing';
  throw new UpdateError(
    'NOT_FOUND',
    `${join(folder, installScriptName)} is ${found}: a box runs it to install the release.`,
  );
}

/** A package that lies within the content would be packed into the next one. */
async function mustBeApart(content: string, out: string): Promise<void> {
  if (!(await stat(content)).isDirectory()) throw new UpdateError('NOT_FOUND', `${content} is not a folder.`);
  const fromContent = relative(await realpath(content), await realPathOf(resolve(out)));
  if (fromContent === '..' || fromContent.startsWith('../')) return;
  throw new UpdateError('USAGE', `The package would lie within ${content} and be part of the next one: give --out.`);
}

/** The path without links, also of a folder that is still to be made. */
async function realPathOf(path: string): Promise<string> {
  return (await exists(path)) ? realpath(path) : join(await realPathOf(dirname(path)), basename(path));
}

/** People may have signed, copied or installed what exists under this name. */
async function mustNotDiffer(path: string, sha256: string): Promise<void> {
  try {
    const existing = await withPackage(path, digest);
    if (existing.sha256 === sha256) return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  throw new UpdateError('USAGE', `${path} is there with other content: take another --version, or remove it first.`);
}
