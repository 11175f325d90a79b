import { dirname, join } from 'node:path';
import type { ArchiveEntry, ListedContent } from '../../protocol/archive.ts';
import { errorCodes } from '../../protocol/error-codes.ts';
import { UpdateError } from '../../protocol/errors.ts';
import type { PublicKey } from '../../protocol/keys.ts';
import { releaseDate } from '../../protocol/version.ts';
import { judgePackage } from './judge-package.ts';
import { describeKey, readPublicKey } from './key-files.ts';
import { digest, signerOf, versionOfPackage, withPackage } from './package-file.ts';
import { exists } from './put-file.ts';
import { counted, printable, sizeText, table } from './text.ts';
import { publicKeyName } from './updates-folder.ts';
import { verb } from './verb.ts';

export const inspect = verb({
  summary: 'tell what is in a package, who signed it, and whether a box would take it',
  operands: ['PACKAGE'],
  options: {
    key: { type: 'string', value: 'PUBLIC', multiple: true, help: 'PEM file of a key that boxes have pinned' },
  },
  details: `Reads the whole package as a box does and changes nothing. Without --key the ${publicKeyName} beside the
package is used, if there is one. The exit code is 0 when a box with these keys would take the package
(version, hardware and space are for each box to judge) and that of the reason when not.`,
  examples: [
    ['opq-release inspect opq-box-update-1550190683.tar.bz2 --key keys/public_key.pem', 'before publishing'],
    ['opq-release inspect updates/opq-box-update-1550190683.tar.bz2 --json', 'every file with its size, for a script'],
  ],

  async run({ PACKAGE: path, key: keyPaths }) {
    const version = versionOfPackage(path);
    const beside = join(dirname(path), publicKeyName);
    const paths = keyPaths.length === 0 && (await exists(beside)) ? [beside] : keyPaths;
    const keys = await Promise.all(paths.map(readPublicKey));
    return withPackage(path, async (file) => {
      const signer = await attempt(() => signerAmong(() => signerOf(file, keys), keys));
      const content = await attempt(() => listedContent(file.chunks(), version));
      const { sizeBytes, sha256 } = await digest(file);
      // In the order of a box: what is not signed is not even unpacked.
      const reason = signer.error ?? content.error;
      const facts = { version, made: releaseDate(version), size: sizeBytes, sha256 };
      return {
        text: table([
          ['package', `${path}, ${sizeText(sizeBytes)}, made ${facts.made}`],
          ['sha256', sha256],
          ['signature', signer.value ? `holds, by the ${describeKey(signer.value)}` : reasonText(signer.error!)],
          ['archive', content.value ? 'holds' : reasonText(content.error!)],
          ...(content.value ? contentRows(content.value) : []),
          ['a box', reason ? `would not take it: ${reason.code}` : 'that has this key pinned would take it'],
          ['what to do', reason?.todo],
        ]),
        json: {
          package: path,
          ...facts,
          signer: signer.value ? { kind: signer.value.kind, fingerprint: signer.value.fingerprint } : null,
          content: content.value ? contentJson(content.value) : null,
          would_take: reason === undefined,
          reasons: [signer.error, content.error].flatMap((e) => (e ? [{ code: e.code, message: e.message }] : [])),
        },
        exit: reason ? errorCodes[reason.code].exit : 0,
      };
    });
  },
});

async function listedContent(chunks: AsyncIterable<Uint8Array>, version: number): Promise<ListedContent> {
  const entries: ArchiveEntry[] = [];
  const content = await judgePackage(chunks, version, null, entries);
  return { ...content, entries };
}

/** A missing signature is said as such, also when there is no key to check one with. */
async function signerAmong(signer: () => Promise<PublicKey>, keys: readonly PublicKey[]): Promise<PublicKey> {
  try {
    return await signer();
  } catch (error) {
    const isKnown = error instanceof UpdateError && error.code !== 'SIGNATURE_INVALID';
    if (isKnown || keys.length > 0) throw error;
    throw new UpdateError('NO_TRUSTED_KEYS', 'no key to check it with: give --key PUBLIC', { cause: error });
  }
}

type Attempt<T> =
  | { readonly value: T; readonly error?: never }
  | { readonly value?: never; readonly error: UpdateError };

async function attempt<T>(work: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    if (error instanceof UpdateError) return { error };
    throw error;
  }
}

const reasonText = ({ code, message }: UpdateError) => `${code} ${message}`;

function contentRows({ entries, unpackedBytes, updateJson }: ListedContent): [string, string | undefined][] {
  const files = entries.filter(({ kind }) => kind === 'file');
  const folders = entries.length - files.length;
  const components = Object.entries(updateJson?.components ?? {}).map(([name, version]) => `${name} ${version}`);
  return [
    ['unpacked', `${sizeText(unpackedBytes)} in ${counted(files.length, 'file')} and ${counted(folders, 'folder')}`],
    ['holds', topLevel(files).join('\n')],
    ['hardware', updateJson?.hardware && printable(updateJson.hardware.join(', '))],
    ['components', printable(components.join(', '))],
    ['services', updateJson?.services?.join(', ')],
    ['writes', updateJson?.writable_paths && printable(updateJson.writable_paths.join(', '))],
    ['updater', updateJson?.updater?.version],
    ['notes', updateJson?.notes && printable(updateJson.notes.trim())],
  ];
}

/** What lies directly below the top folder: folders with the sum of what is in them. */
function topLevel(files: readonly ArchiveEntry[]): string[] {
  const sizes = new Map<string, number>();
  for (const { name, sizeBytes } of files) {
    const slash = name.indexOf('/');
    const item = slash < 0 ? name : name.slice(0, slash + 1);
    sizes.set(item, (sizes.get(item) ?? 0) + sizeBytes);
  }
  return [...sizes].sort().map(([item, bytes]) => `${item} (${sizeText(bytes)})`);
}

const contentJson = ({ entries, unpackedBytes, updateJson }: ListedContent) => ({
  unpacked_bytes: unpackedBytes,
  update_json: updateJson ?? null,
  entries: entries.map(({ kind, name, mode, sizeBytes }) => ({
    kind,
    name,
    mode: mode.toString(8),
    size: sizeBytes,
  })),
});
