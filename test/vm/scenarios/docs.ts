import { execFile } from 'node:child_process';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { serverUrl } from '../publisher.ts';
import { factory } from '../release.ts';
import type { Context, Scenario } from '../scenario.ts';
import { commandsOfRoot, type TypedPage, typedPages } from '../typed-pages.ts';
import { timeIsKnown } from './deb.ts';

const run = promisify(execFile);
const folder = '/root/checkout';
/** Ends with the verdict, on the other side of a reboot. */
const updates = /opq-updater (install|check --install)/;

/** Every command that the pages of docs/ give to root, typed at a terminal of a booted box. */
export const docs: Scenario = {
  name: 'docs',
  about: 'every command that the documentation gives to root, typed on a box: server, keys, installation, updates, TUF',
  quick: false,
  from: 'box',
  limitS: 2 * 3600,
  async run(context) {
    const { machine } = context;
    await machine.boot();
    await layCheckout(context);
    let typed = 0;
    for (const page of typedPages) typed += await typePage(context, page);
    await machine.powerOff();
    return `${typed} commands of ${typedPages.length} pages did what they say`;
  },
};

/** What the pages take for granted: the checkout with its bundles, the publisher's key, a stick, metadata of TUF. */
async function layCheckout(context: Context): Promise<void> {
  const { machine, publisher, repo, programs, deb } = context;
  const lay = (file: string, path: string) => machine.push({ file }, `${folder}/${path}`);
  const unit = 'server/systemd/opq-update-server.service';
  for (const file of ['setup/install.sh', 'setup/migrate.sh', 'package.json', unit]) await lay(join(repo, file), file);
  for (const file of ['package.json', 'opq-update-server.js', 'opq-release.js'])
    await lay(join(programs, file), `dist/${file}`);
  if (deb === null) throw new Error('There is no package to install: `npm run deb` has not made one.');
  await lay(deb, `dist/${basename(deb)}`);
  await lay(publisher.publicKey, 'public_key.pem');
  await machine.push(`#!/bin/sh\nexec node ${folder}/dist/opq-release.js "$@"\n`, '/usr/local/bin/opq-release', '0755');
  // The one that runs.
  const file = await publisher.stick(factory);
  await lay(await stick(context, file), 'stick.img');
  await lay(await tufSite(context, file), '1.root.json');
}

/** The image of a stick with a package and its signature. */
async function stick({ machine }: Context, file: string): Promise<string> {
  const content = join(machine.folder, 'stick');
  await mkdir(content);
  for (const one of [file, `${file}.sig`]) await cp(one, join(content, basename(one)));
  await run('mke2fs', ['-q', '-d', content, '-t', 'ext4', join(machine.folder, 'stick.img'), '2M']);
  return join(machine.folder, 'stick.img');
}

/** Metadata beside the packages of the update server; the path of its root. */
async function tufSite({ machine, publisher: { tool, updates: served } }: Context, file: string): Promise<string> {
  const at = (name: string) => join(machine.folder, 'tuf', name);
  const keys = { root: ['root-1', 'root-2'], targets: ['targets'], snapshot: ['online'], timestamp: ['online'] };
  for (const key of new Set(Object.values(keys).flat())) await tool('keygen', at(key));
  const roles = Object.entries(keys).flatMap(([role, held]) =>
    held.flatMap((key) => [`--${role}`, at(`${key}/public_key.pem`)]),
  );
  await tool('tuf', 'init', at('desk'), ...roles);
  const by = (held: readonly string[]) => held.flatMap((key) => ['--key', at(`${key}/private_key.pem`)]);
  await tool('tuf', 'sign', at('desk/drafts/1.root.json'), ...by(keys.root));
  await tool('tuf', 'add', at('desk'), file, '--hardware', 'rpi/3');
  await tool('tuf', 'sign', at('desk/drafts/1.targets.json'), ...by(keys.targets));
  await tool('tuf', 'refresh', at('desk'), ...by(keys.snapshot));
  await cp(at('desk/site'), served, { recursive: true });
  return join(served, 'metadata/1.root.json');
}

async function typePage(context: Context, { page, before, after, elsewhere }: TypedPage): Promise<number> {
  const { machine, repo, say } = context;
  const shell = (text: string) => machine.ok(`cd ${folder} && export USER=root && { ${text}\n}`);
  if (before) await shell(before);
  const commands = commandsOfRoot(await readFile(join(repo, 'docs', page), 'utf8')).filter(
    (one) => !elsewhere?.test(one),
  );
  for (const command of commands) {
    say(`${page}: ${command}`);
    const line = command.replaceAll('https://updates.example/', serverUrl).replace('/dev/sda1', 'stick.img');
    if (updates.test(line)) await update(context, line);
    else await typeLine(context, line);
  }
  if (after) await shell(after);
  return commands.length;
}

/** At a terminal, with an answer for whoever asks for the end of a fingerprint. */
async function typeLine(context: Context, line: string): Promise<void> {
  const { machine, expect } = context;
  await timeIsKnown(context);
  const file = /(\S+\.pem)/.exec(line)?.[1];
  const digits = file
    ? (await machine.ok(`cd ${folder} && openssl pkey -pubin -in ${file} -outform DER | sha256sum`)).slice(56, 64)
    : '';
  await machine.push(`cd ${folder}\nexport USER=root\n${line}\n`, '/root/typed');
  const { code, out } = await machine.run(
    // Again and again: what is typed before somebody asks may go to apt.
    `while sleep 5; do echo '${digits}'; done | script --quiet --return --command 'sh /root/typed' /dev/null`,
  );
  expect(`exit code of "${line}", which said:\n${out}\n`, code, 0);
}

let next = 1_600_000_001;

/** One that ends beyond a reboot. */
async function update({ machine, box, publisher }: Context, line: string): Promise<void> {
  const version = line.includes(String(factory.version)) ? factory.version : next++;
  if (version !== factory.version) await publisher.publish({ version });
  const before = await machine.bootId();
  await machine.order(`cd ${folder} && ${line}`);
  await machine.otherBoot(before);
  await box.expectEnd(version, 'confirmed');
}
