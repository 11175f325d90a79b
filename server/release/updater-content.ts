import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { saidVersion } from '../../daemon/box/said-version.ts';
import { updateJsonName } from '../../protocol/archive-content.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { parseKeyChain } from '../../protocol/key-chain.ts';
import { parseUpdateJson, type UpdateJson } from '../../protocol/update-json.ts';
import { updaterProgram, updaterVersionPattern } from '../../protocol/updater.ts';
import { quote } from '../../protocol/version.ts';
import { below, type ContentRow, inOrder } from './content-tree.ts';

/** Where `--updater` puts it, below the top folder. */
const path = 'opq-updater';

/**
 * The content with an updater added, and an update.json that says so.
 * @param folder what holds opq-updater.js
 * @throws UpdateError USAGE, ARCHIVE_REFUSED
 */
export async function withUpdater(rows: readonly ContentRow[], folder: string): Promise<ContentRow[]> {
  const about = await updateJsonOf(rows);
  if (about.updater || rows.some(({ name }) => name === path || name.startsWith(`${path}/`))) {
    throw new UpdateError('USAGE', 'The content brings an updater of its own: leave --updater out.');
  }
  const brought = await below(folder, `${path}/`);
  const version = await saidVersion(join(folder, updaterProgram));
  if (!updaterVersionPattern.test(version)) {
    const program = join(folder, updaterProgram);
    throw new UpdateError('USAGE', `${program} should say a version such as 1.3.0, found ${quote(version)}.`);
  }
  const said = withUpdateJson(rows, { ...about, updater: { version, path } });
  return inOrder([...said, { kind: 'folder', name: path }, ...brought]);
}

/**
 * The content with a chain of keys in its update.json, in place of one that may be there.
 * @throws UpdateError KEYS_REFUSED, ARCHIVE_REFUSED
 */
export async function withKeys(rows: readonly ContentRow[], chainPath: string): Promise<ContentRow[]> {
  const keys = parseKeyChain(await readFile(chainPath));
  return inOrder(withUpdateJson(rows, { ...(await updateJsonOf(rows)), keys }));
}

function withUpdateJson(rows: readonly ContentRow[], about: UpdateJson): ContentRow[] {
  const content = Buffer.from(`${JSON.stringify(about, null, 2)}\n`);
  const row: ContentRow = { kind: 'file', name: updateJsonName, mode: 0o644, sizeBytes: content.length, content };
  return [...rows.filter(({ name }) => name !== updateJsonName), row];
}

/**
 * A box would put a release back whose updater is another than it says.
 * @throws UpdateError ARCHIVE_REFUSED
 */
export async function mustSayItsVersion(rows: readonly ContentRow[]): Promise<void> {
  const { updater } = await updateJsonOf(rows);
  if (!updater) return;
  const name = `${updater.path}/${updaterProgram}`;
  const program = rows.find((row) => row.name === name);
  // What is missing is refused with the rest of what a box refuses.
  if (program?.kind !== 'file' || Buffer.isBuffer(program.content)) return;
  const version = await saidVersion(program.content.path);
  if (version === updater.version) return;
  throw new UpdateError(
    'ARCHIVE_REFUSED',
    `${name} should be version ${updater.version}, as update.json says; it says ${quote(version)}.`,
  );
}

async function updateJsonOf(rows: readonly ContentRow[]): Promise<UpdateJson> {
  const row = rows.find(({ name }) => name === updateJsonName);
  if (row?.kind !== 'file') return {};
  return parseUpdateJson(Buffer.isBuffer(row.content) ? row.content : await readFile(row.content.path));
}
