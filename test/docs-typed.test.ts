import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { tempFolder, writeTree } from './server/release/program.ts';
import { commandsOfRoot, typedPages } from './vm/typed-pages.ts';

const repo = fileURLToPath(new URL('..', import.meta.url));

/** The commands of a page, block by block; what is typed on a box or waits for a server is not for a folder. */
function blocksOf(page: string): string[] {
  const text = readFileSync(join(repo, 'docs', page), 'utf8');
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block!);
  return blocks
    .map((block) => block.replace(/^(sudo|npm) .*\n/gm, ''))
    .filter((block) => block !== '' && !block.includes('http://'));
}

/** A folder with the content of a release, the tree of a box, and what a build leaves, and nothing else. */
function publisher(): (block: string) => void {
  const folder = tempFolder();
  const bin = join(folder, '.bin');
  mkdirSync(bin);
  const program = join(repo, 'dist/opq-release.js');
  chmodSync(program, 0o755);
  symlinkSync(program, join(bin, 'opq-release'));
  // The host `server` is the folder of that name: all that ssh would run there is run here.
  for (const opq of ['updates', 'store']) mkdirSync(join(folder, 'server/var/opq', opq), { recursive: true });
  const ssh = `#!/bin/sh\nshift\nexec sh -c "$(printf '%s' "$*" | sed 's# /var/opq# ${folder}/server/var/opq#')"\n`;
  writeFileSync(join(bin, 'ssh'), ssh, { mode: 0o755 });
  writeTree(join(folder, 'content'), { 'install_update.sh': '#!/bin/sh\necho "$OPQ_BOX_ROOT"\n' });
  writeTree(join(folder, 'box'), { 'etc/opq/updater_config.json': '{}', 'usr/local/box-config-daemon/VERSION': '1\n' });
  writeTree(join(folder, 'triggering'), { 'install.sh': '#!/bin/sh\n' });
  symlinkSync(join(repo, 'dist'), join(folder, 'dist'));
  return (block) => {
    // Releases are named by the second in which they are built.
    const lines = block.replace(/^(?=package=|opq-release build (?!.*--version))/gm, 'sleep 1.1; ');
    execFileSync('sh', ['-euc', lines], {
      cwd: folder,
      env: { PATH: `${bin}:${process.env.PATH}` },
      stdio: 'pipe',
    });
  };
}

/** What stands on the server is what stands here. */
const sameThere = 'diff -r updates server/var/opq/updates';

/** Which blocks are typed one after the other in one folder, with what the page takes for granted between them. */
const walks: Readonly<Record<string, readonly (readonly (number | string)[])[]>> = {
  'tuf.md': [[0, 1]],
  'keys.md': [
    [0, 1, 2],
    [0, 3],
  ],
  'operator.md': [[0, 1, 2, sameThere, 3, 4, 2, sameThere]],
  'package-author.md': [[0, 1, 2]],
  'opq-release.md': [
    [0, 1, 'cp packages/* .', 6, 7, 8, 11, 12, 13],
    [1, 'cp packages/* .; opq-release build content --version 1550190999; opq-release keygen keys-2', 9],
    [
      1,
      'opq-release build content --version 1550190999; opq-release publish *.bz2 --to updates --key keys/private_key.pem',
      10,
    ],
    [2, 3, 4, 5],
    [
      'opq-release keygen keys; mkdir store; echo {} >store/profiles.json',
      14,
      15,
      16,
      'diff -r store server/var/opq/store',
    ],
  ],
};

it.each(Object.entries(walks).flatMap(([page, orders]) => orders.map((order) => [page, order] as const)))(
  'does what %s tells to type, block by block: %s',
  (page, order) => {
    const blocks = blocksOf(page);
    const type = publisher();
    for (const one of order) type(typeof one === 'string' ? one : blocks[one]!);
  },
);

it('knows every page with commands for root, which a booted box is told', () => {
  const pages = readdirSync(join(repo, 'docs')).filter((page) => page.endsWith('.md'));
  const forRoot = pages.filter((page) => commandsOfRoot(readFileSync(join(repo, 'docs', page), 'utf8')).length > 0);
  expect(typedPages.map(({ page }) => page).sort()).toEqual(forRoot.sort());
});

it.each(Object.entries(walks))('leaves out nothing of %s', (page, orders) => {
  const typed = orders.flat().filter((one) => typeof one === 'number');
  expect([...new Set(typed)].sort((a, b) => a - b)).toEqual([...blocksOf(page).keys()]);
});

it('does what operator.md tells to rehearse with, a terminal each for what stays', async () => {
  const type = publisher();
  for (const block of blocksOf('operator.md').slice(0, 2)) type(block);
  const text = readFileSync(join(repo, 'docs/operator.md'), 'utf8');
  const [, typed = ''] = /^```sh\n(export BOX_UPDATE_SERVER_SETTINGS=.*?)^```$/ms.exec(text) ?? [];
  const port = await freePort();
  // What waits for Ctrl-C goes on beside the rest, which begins when it answers.
  const lines = typed
    .replaceAll('8151', String(port))
    .replace(
      /^(node dist\/opq-update-server\.js) .*$/m,
      `$1 >server.log & server=$!\n${until('grep -q listening server.log')}`,
    )
    .replace(/^(node .* scratch-box box) .*$/m, `$1 >box.log & box=$!\n${until('grep -q ready box.log')}`);
  type(
    `trap 'kill $server $box; wait' EXIT\n${lines}\ntest "$(cat box/usr/local/box-config-daemon/VERSION)" = 1550190683`,
  );
});

const until = (that: string) => `until ${that}; do sleep 0.2; done`;

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const taken = createServer().listen(0, '127.0.0.1', () => {
      const { port } = taken.address() as AddressInfo;
      taken.close(() => resolve(port));
    });
  });
