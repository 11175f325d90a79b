import { basename } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { shownUrl } from '../../protocol/address.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { parsePublicKey } from '../../protocol/keys.ts';
import { operations } from '../../protocol/operations.ts';
import * as s from '../../protocol/schema.ts';
import { quote } from '../../protocol/version.ts';
import { type Call, textOf } from './arguments.ts';
import { readNamedFile } from './reading.ts';
import { styled } from './screen.ts';

/** `1A2B 3C4D …`, as two people compare it by phone. */
const grouped = (fingerprint: string): string => (fingerprint.match(/.{1,4}/g) ?? []).join(' ');
const bare = (fingerprint: string): string => fingerprint.replace(/[\s:]/g, '').toLowerCase();

/** The keys that count, where each came from, and those beside them that are not used. */
export async function list({ screen, daemon }: Call): Promise<number> {
  const keys = await daemon.ask('keys', {});
  if (screen.json) screen.document(keys);
  else if (keys.length === 0) {
    const { channel } = await daemon.ask('status', {});
    screen.line(
      channel === 'tuf'
        ? 'No key is pinned: the root of the publisher proves what the server has (opq-updater doctor), and nothing else is taken.'
        : 'No key is pinned: this box takes no updates. Pin one: "opq-updater keys add FILE".',
    );
  } else {
    for (const { name, kind, fingerprint, fault, added_by, retired_by, signs } of keys) {
      screen.line(styled('bold', name), kind ? `  ${kind}` : '');
      if (fingerprint) screen.line('    ', grouped(fingerprint));
      if (fingerprint) screen.line(added_by === null ? '    pinned on this box' : `    brought by release ${added_by}`);
      if (signs === 'builds') screen.line('    signs what is built on demand; no release');
      if (retired_by !== null) screen.line(styled('yellow', `    not used: retired by release ${retired_by}`));
      if (fault) screen.line(styled('red', `    not used: ${fault.code}: ${fault.message}`));
    }
  }
  return 0;
}

/** Pins a key when a person, or a script that knows its fingerprint, says that it is the right one. */
export async function add(call: Call): Promise<number> {
  const { screen, daemon, positionals, values } = call;
  const source = positionals[0]!;
  const isUrl = /^https?:\/\//i.test(source);
  const name = nameFor(isUrl ? new URL(source).pathname : source, textOf(call, 'name'));
  const pem = isUrl ? (await daemon.ask('key_fetch', { url: source })).pem : await readNamedFile(source);
  // Judged here in both cases: what a person confirms is what this program has read.
  const { kind, fingerprint } = parsePublicKey(pem, quote(isUrl ? shownUrl(source) : source));
  if (!screen.json) {
    screen.line(styled('bold', name), `  ${kind}`);
    screen.line('    ', grouped(fingerprint));
  }
  await confirmed(call, fingerprint);
  const builder = values.builder === true;
  const key = await daemon.ask('key_add', { pem, name, builder });
  const what = builder ? 'what is built on demand and signed by this key' : 'updates that this key has signed';
  if (screen.json) screen.document(key);
  else screen.line(`Pinned as ${key.name}: this box now takes ${what}.`);
  return 0;
}

/** Unpins a key by its name or fingerprint. */
export async function remove({ screen, daemon, positionals, values }: Call): Promise<number> {
  const answer = await daemon.ask('key_remove', { name: positionals[0]!, builder: values.builder === true });
  if (screen.json) screen.document(answer);
  else screen.line(`Unpinned ${answer.removed}.`);
  return 0;
}

function nameFor(path: string, asked: string | undefined): string {
  const plain = basename(path)
    .replace(/\.pem$/i, '')
    .toLowerCase();
  const name =
    asked ??
    plain
      .replace(/[^a-z0-9._-]+/g, '-')
      .replace(/^[^a-z0-9]+/, '')
      .slice(0, 63);
  if (s.judge(operations.key_add.input.entries.name, name).success) return name;
  throw new UpdateError('USAGE', `A key needs a --name of letters a-z, digits and . _ -, found ${quote(name)}.`);
}

/** @throws UpdateError KEY_MISMATCH for another fingerprint | CANCELLED | USAGE when nobody can be asked */
async function confirmed({ host, screen, values }: Call, fingerprint: string): Promise<void> {
  const expected = values.fingerprint === undefined ? undefined : bare(String(values.fingerprint));
  if (expected !== undefined && expected !== fingerprint) {
    throw new UpdateError(
      'KEY_MISMATCH',
      `The key's fingerprint is ${fingerprint}, not ${quote(expected, 64)}; nothing was pinned.`,
    );
  }
  if (expected !== undefined || values.yes) return;
  if (!screen.canAsk) {
    throw new UpdateError('USAGE', 'Nobody can be asked here: give --fingerprint HEX, or --yes to trust the source.');
  }
  screen.line('Compare this fingerprint with the one that the publisher tells you by phone or letter.');
  const answer = await ask(host, 'Its last 8 digits, to pin the key (nothing = no): ');
  if (bare(answer) === '') throw new UpdateError('CANCELLED', 'Nothing was pinned.');
  if (bare(answer) === fingerprint.slice(-8)) return;
  throw new UpdateError('KEY_MISMATCH', 'Those are not the last 8 digits of its fingerprint; nothing was pinned.');
}

/** One line from the person; nothing when they close the input. */
async function ask({ stdin, stdout }: NodeJS.Process, question: string): Promise<string> {
  const lines = createInterface({ input: stdin, output: stdout });
  const closed = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
  try {
    return await Promise.race([lines.question(question), closed]);
  } finally {
    lines.close();
  }
}
