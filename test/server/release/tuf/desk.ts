import { generateKeyPairSync } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { asUpdateError, UpdateError } from '../../../../protocol/errors.ts';
import { build } from '../../../../server/release/build.ts';
import { tufAdd } from '../../../../server/release/tuf/add.ts';
import { tufInit } from '../../../../server/release/tuf/init.ts';
import { tufRefresh } from '../../../../server/release/tuf/refresh.ts';
import { tufRotate } from '../../../../server/release/tuf/rotate.ts';
import { tufSign } from '../../../../server/release/tuf/sign.ts';
import { tufStatus } from '../../../../server/release/tuf/status.ts';
import type { Outcome, Verb } from '../../../../server/release/verb.ts';
import { oldVersion, smallContent, tempFolder, writeTree } from '../program.ts';

export const hardware = 'rpi/3';
const verbs = { init: tufInit, add: tufAdd, sign: tufSign, rotate: tufRotate, refresh: tufRefresh, status: tufStatus };

type Result = Partial<Outcome> & { readonly code: string | undefined };

/** Runs a verb as the command line does, in this process: a desk takes some dozen of them. */
async function run(verb: Verb, args: readonly string[], nowS: number): Promise<Result> {
  const options = Object.fromEntries(
    Object.entries(verb.options).map(([name, option]) => [
      name,
      { type: option.type, multiple: option.type === 'string' && option.multiple === true },
    ]),
  );
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  const lists = Object.entries(options).flatMap(([name, { multiple }]) => (multiple ? [[name, []]] : []));
  const operands = verb.operands.map((name, n) => [name, positionals[n]]);
  try {
    const given = { ...Object.fromEntries(lists), ...values, ...Object.fromEntries(operands) };
    return { exit: 0, ...(await verb.run(given, { nowS, program: '' })), code: undefined };
  } catch (thrown) {
    if (!(thrown instanceof UpdateError)) throw thrown;
    return { code: asUpdateError(thrown).code };
  }
}

export type TufDesk = ReturnType<typeof tufDesk>;

/** A publisher with a desk, and keys of which each lies on a machine of its own. */
/** @param root an empty folder, or one that was a desk before */
export function tufDesk(root = tempFolder()) {
  const at = (...parts: string[]) => join(root, ...parts);
  const desk = at('desk');
  const clock = { nowS: Math.floor(Date.now() / 1000) };
  const publicKey = (name: string) => at(name, 'public_key.pem');
  const privateKey = (name: string) => at(name, 'private_key.pem');
  const makeKey = (name: string): void => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    mkdirSync(at(name), { recursive: true });
    writeFileSync(privateKey(name), pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    writeFileSync(publicKey(name), pair.publicKey.export({ type: 'spki', format: 'pem' }));
  };
  if (!existsSync(at('online'))) for (const name of ['root-1', 'root-2', 'root-3', 'targets', 'online']) makeKey(name);
  const tuf = (verb: keyof typeof verbs, ...args: string[]) => run(verbs[verb], args, clock.nowS);
  const draft = (name: string) => at('desk/drafts', name);
  const options = (role: string, ...names: string[]) => names.flatMap((name) => [`--${role}`, publicKey(name)]);
  const list = (folder: string) =>
    existsSync(folder)
      ? readdirSync(folder)
          .filter((name) => !name.startsWith('.'))
          .sort()
      : [];
  const made = {
    at,
    desk,
    site: at('desk/site'),
    clock,
    makeKey,
    publicKey,
    privateKey,
    tuf,
    draft,
    drafts: () => list(at('desk/drafts')),
    metadata: () => list(at('desk/site/metadata')),
    signed: (name: string) => JSON.parse(readFileSync(at('desk/site/metadata', name), 'utf8')).signed,
    init: () =>
      tuf(
        'init',
        desk,
        ...options('root', 'root-1', 'root-2', 'root-3'),
        ...options('targets', 'targets'),
        ...options('snapshot', 'online'),
        ...options('timestamp', 'online'),
      ),
    /** Has a draft signed on the machine of each key, which sees nothing but a copy of it, and brings it back. */
    async signAway(name: string, ...by: string[]): Promise<void> {
      for (const machine of by) {
        const copy = join(at(machine), name);
        copyFileSync(draft(name), copy);
        const done = [
          await tuf('sign', copy, '--key', privateKey(machine)),
          await tuf('sign', draft(name), '--with', copy),
        ];
        for (const { code } of done) if (code !== undefined) throw new Error(`${name} by ${machine}: ${code}`);
      }
    },
    async build(version: number, files: Readonly<Record<string, string>> = {}): Promise<string> {
      const content = writeTree(at(`content-${version}`), { ...smallContent, ...files });
      const { json } = await run(build, [content, '--out', at('packages'), '--version', String(version)], clock.nowS);
      return (json as { package: string }).package;
    },
    add: async (version: number, files?: Readonly<Record<string, string>>) =>
      tuf('add', desk, await made.build(version, files), '--hardware', hardware),
    refresh: (...by: string[]) => tuf('refresh', desk, ...by.flatMap((name) => ['--key', privateKey(name)])),
    rotate: (...more: string[]) => tuf('rotate', desk, ...more),
    /** The next release, published. */
    async publish(version: number): Promise<void> {
      await made.add(version);
      for (const name of made.drafts()) if (name.endsWith('.targets.json')) await made.signAway(name, 'targets');
      const { exit, text, code } = await made.refresh('online');
      if (exit !== 0) throw new Error(`${code} ${text}`);
    },
    /** Everything from nothing to a first published release. */
    async publishFirst(version = oldVersion): Promise<void> {
      await made.init();
      await made.signAway('1.root.json', 'root-1', 'root-2');
      await made.publish(version);
    },
  };
  return made;
}
