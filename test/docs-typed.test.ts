import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { tempFolder } from './server/release/program.ts';

const repo = fileURLToPath(new URL('..', import.meta.url));

/** The commands of a page, block by block; what is typed on a box or waits for a server is not for a folder. */
function blocksOf(page: string): string[] {
  const text = readFileSync(join(repo, 'docs', page), 'utf8');
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block!);
  return blocks
    .map((block) => block.replace(/^sudo .*\n/gm, ''))
    .filter((block) => block !== '' && !block.includes('http://'));
}

/** A folder with the content of a release, and nothing else. */
function publisher(): (block: string) => void {
  const folder = tempFolder();
  const bin = join(folder, '.bin');
  mkdirSync(bin);
  const program = join(repo, 'dist/opq-release.js');
  chmodSync(program, 0o755);
  symlinkSync(program, join(bin, 'opq-release'));
  mkdirSync(join(folder, 'content'));
  writeFileSync(join(folder, 'content/install_update.sh'), '#!/bin/sh\n');
  return (block) => {
    // Releases are named by the second in which they are built.
    const lines = block.replace(/^package=/gm, 'sleep 1.1; package=');
    execFileSync('sh', ['-euc', lines], {
      cwd: folder,
      env: { PATH: `${bin}:${process.env.PATH}` },
      stdio: 'pipe',
    });
  };
}

/** Which blocks are typed one after the other. */
const walks: Readonly<Record<string, readonly (readonly number[])[]>> = {
  'tuf.md': [[0, 1]],
  'keys.md': [
    [0, 1, 2],
    [0, 3],
  ],
};

it.each(Object.entries(walks))('does what %s tells to type', (page, orders) => {
  const blocks = blocksOf(page);
  expect([...new Set(orders.flat())].sort()).toEqual([...blocks.keys()]);
  for (const order of orders) {
    const type = publisher();
    for (const n of order) type(blocks[n]!);
  }
});
