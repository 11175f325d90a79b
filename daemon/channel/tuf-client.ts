import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { asUpdateError, UpdateError } from '../../protocol/errors.ts';
import { makeFolder, remove, writeFileSafely } from '../files.ts';
import type { Network } from './http.ts';
import { hasRoot, isTarget, refresh } from './tuf-refresh.ts';

/** It has the whole in memory. */
const maxTargetBytes = 256 * 1024 * 1024;
/** What the specification proposes, section 5.6.7; the channel of a box takes none. */
const maxDelegations = 32;

/**
 * A plain client of The Update Framework, with the library and the network code of the channel: `init`, `refresh` and
 * `download`. Metadata lies in one folder as `<role>.json`; targets in another, under their encoded names.
 * @returns 0 or 1, whatever went wrong: so the suite that drives it has it
 * @see the public conformance suite (theupdateframework/tuf-conformance, CLIENT-CLI.md), which drives it
 */
export async function tufClient(args: string[], network: Network, nowMs: number): Promise<number> {
  try {
    await obey(args, network, nowMs);
    return 0;
  } catch (thrown) {
    const { code, message } = asUpdateError(thrown);
    console.error(`opq-updater: ${code}: ${message}`);
    return 1;
  }
}

/** @throws UpdateError USAGE, of `refresh`, NOT_FOUND for a target that there is not */
async function obey(args: string[], network: Network, nowMs: number): Promise<void> {
  const { values, positionals } = parse(args);
  const option = (name: keyof typeof values): string => {
    const value = values[name];
    if (value === undefined) throw new UpdateError('USAGE', `tuf-client ${command} needs --${name}.`);
    return value;
  };
  const [command = '', root, ...more] = positionals;
  if (more.length > 0 || (command === 'init') !== (root !== undefined)) throw usage();
  switch (command) {
    case 'init':
      return init(option('metadata-dir'), root!);
    case 'refresh':
    case 'download': {
      const [folder, url] = [option('metadata-dir'), option('metadata-url')];
      const site = await refresh(folder, url, network, { nowMs, known: true }, maxDelegations);
      if (command === 'refresh') return;
      const name = option('target-name');
      const target = await site.target(name);
      if (!target) throw new UpdateError('NOT_FOUND', `There is no target ${name}.`);
      const file = join(option('target-dir'), encodeURIComponent(name));
      if (await isTarget(target, await readFile(file).catch(() => undefined))) return;
      return writeFileSafely(file, await site.bytes(target, option('target-base-url'), maxTargetBytes), 0o644);
    }
    default:
      throw usage();
  }
}

async function init(folder: string, root: string): Promise<void> {
  await makeFolder(folder);
  const file = join(folder, 'root.json');
  await writeFileSafely(file, await readFile(root), 0o644);
  if (await hasRoot(folder)) return;
  await remove(file);
  throw new UpdateError('METADATA_REFUSED', `Expected a root that is signed by its own keys, found ${root}.`);
}

function parse(args: string[]) {
  const value = { type: 'string' } as const;
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        'metadata-dir': value,
        'metadata-url': value,
        'target-name': value,
        'target-dir': value,
        'target-base-url': value,
      },
    });
  } catch (cause) {
    throw new UpdateError('USAGE', `tuf-client: ${(cause as Error).message}`, { cause });
  }
}

const usage = () =>
  new UpdateError(
    'USAGE',
    'usage: opq-updater tuf-client --metadata-dir DIR (init ROOT | --metadata-url URL (refresh | --target-name NAME --target-dir DIR --target-base-url URL download))',
  );
