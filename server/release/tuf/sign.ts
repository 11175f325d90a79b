import { readFile } from 'node:fs/promises';
import { UpdateError } from '../../../protocol/errors.ts';
import { readPrivateKey } from '../key-files.ts';
import { putText } from '../put-file.ts';
import { verb } from '../verb.ts';
import { formatMetadata, type MetadataOf, parseMetadata, type RoleName, roleNames, sameContent } from './desk.ts';
import { signerOf } from './keys.ts';

export const tufSign = verb({
  summary: 'sign a draft, on the machine of its key',
  operands: ['DRAFT'],
  options: {
    key: { type: 'string', value: 'PRIVATE', multiple: true, help: 'PEM file of a private key of its role' },
    with: {
      type: 'string',
      value: 'COPY',
      multiple: true,
      help: 'another copy of DRAFT, whose signatures are taken over',
    },
  },
  details: `Adds signatures to DRAFT, one small file that holds all that is signed: no desk is needed, nor a network.
Read what it prints before you take the draft back: that is what you have signed. Where several people
signed copies at the same time, --with brings their signatures together. What has expired is not signed.`,
  examples: [
    ['opq-release tuf sign 1.root.json --key root-1/private_key.pem', 'on a machine that is never online'],
    ['opq-release tuf sign desk/drafts/1.root.json --with stick/1.root.json', 'back at the desk'],
  ],

  async run({ DRAFT: path, key: keyPaths, with: copies }, { nowS }) {
    if (keyPaths.length + copies.length === 0) throw new UpdateError('USAGE', 'Give --key PRIVATE or --with COPY.');
    const { role, metadata } = await readDraft(path);
    if (Date.parse(metadata.signed.expires) <= nowS * 1000) {
      throw new UpdateError('METADATA_EXPIRED', `${path} held until ${metadata.signed.expires}: draft it anew.`);
    }
    for (const copy of copies) {
      const other = (await readDraft(copy)).metadata;
      if (!sameContent(metadata, other))
        throw new UpdateError('METADATA_REFUSED', `${copy} is a copy of another draft.`);
      Object.assign(metadata.signatures, { ...other.signatures, ...metadata.signatures });
    }
    for (const keyPath of keyPaths) metadata.sign(signerOf(await readPrivateKey(keyPath)));
    await putText(path, formatMetadata(metadata));
    const signers = Object.keys(metadata.signatures);
    return {
      text: [
        `${role} ${metadata.signed.version}, holds until ${metadata.signed.expires}`,
        ...about(metadata),
        ...signers.map((id) => `signed by ${id}`),
      ].join('\n'),
      json: { role, version: metadata.signed.version, expires: metadata.signed.expires, signed_by: signers },
    };
  },
});

async function readDraft(path: string): Promise<{ role: RoleName; metadata: MetadataOf<RoleName> }> {
  const text = await readFile(path, 'utf8');
  const role = roleNames.find((name) => new RegExp(`"_type": ?"${name}"`).test(text));
  if (!role) throw new UpdateError('METADATA_REFUSED', `${path} is no draft of metadata.`);
  return { role, metadata: parseMetadata(role, text, path) };
}

/** What a person answers for by signing. */
function about({ signed }: MetadataOf<RoleName>): string[] {
  if ('targets' in signed)
    return Object.entries(signed.targets).map(
      ([name, { length, hashes }]) => `  ${name}  ${length} bytes, sha256 ${hashes.sha256}`,
    );
  if (!('roles' in signed)) return [];
  return Object.entries(signed.roles).map(
    ([name, { keyIDs, threshold }]) => `  ${name}: ${threshold} of ${keyIDs.join(', ')}`,
  );
}
