import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { UpdateError } from '../../protocol/errors.ts';
import type { PublicKey } from '../../protocol/keys.ts';
import { packageName, quote, releaseVersionPattern, signatureName } from '../../protocol/version.ts';
import { readPublicKey } from './key-files.ts';
import { exists, syncFolder } from './put-file.ts';
import { counted } from './text.ts';
import { namedRelease, nameRelease, newestSigned, publicKeyName, versionsIn } from './updates-folder.ts';
import { verb } from './verb.ts';

export const withdraw = verb({
  summary: 'offer a release no more',
  operands: ['VERSION'],
  options: {
    from: { type: 'string', value: 'UPDATES_DIR', required: true, help: 'folder that the update server serves' },
    key: { type: 'string', value: 'PUBLIC', multiple: true, help: `a former key, beside the ${publicKeyName} there` },
  },
  details: `First has version.json name the newest release that is left and signed, or removes it when no package is
left; then removes the package and its signature. Boxes that have installed the release keep it: to bring them
back, publish the content of the release before as a new, higher version.
A release counts as signed when ${publicKeyName} in the folder, or a --key given here, made its signature.
Refused: what would leave packages there and none of them signed.`,
  examples: [
    ['opq-release withdraw 1550190999 --from updates', 'a release turned out to be bad'],
    [
      'opq-release withdraw 1550190999 --from updates --key keys/public_key.pem',
      'it was the first one by a new key: those before it are by this one',
    ],
  ],

  async run({ VERSION: text, from: folder, key: keyPaths }) {
    const version = versionFrom(text);
    // The package first: a server may list each one that is there.
    const files = [packageName(version), signatureName(version)].map((name) => join(folder, name));
    const isThere = await Promise.all(files.map(exists));
    const named = await namedRelease(folder);
    if (!isThere.includes(true) && named?.version !== version) {
      throw new UpdateError('NOT_FOUND', `${version} is not published in ${folder}.`);
    }
    const left = (await versionsIn(folder)).filter((other) => other !== version);
    const stays = named !== undefined && left.includes(named.version);
    const { newest, passedOver } = stays
      ? { newest: named, passedOver: [] }
      : await newestSigned(folder, left, left.length === 0 ? [] : await keysOf(folder, keyPaths));
    if (newest === undefined && left.length > 0) throw noneLeft(folder, passedOver);
    if (!stays) await nameRelease(folder, newest);
    for (const file of files) await rm(file, { force: true });
    await syncFolder(folder);
    return {
      text: [
        `withdrawn: ${version}`,
        newest ? `version.json names ${newest.version}` : 'no release is left: version.json is gone',
        ...passedOver.map((reason) => `passed over ${reason}`),
      ].join('\n'),
      json: { withdrawn: version, newest: newest?.version ?? null, passed_over: passedOver },
    };
  },
});

/** After a change of keys, all that is left may be by the key before. */
function noneLeft(folder: string, passedOver: readonly string[]): UpdateError {
  const packages = counted(passedOver.length, 'package');
  return new UpdateError(
    'USAGE',
    `Nothing is withdrawn: ${packages} would stay in ${folder}, and none that counts as signed. ` +
      'Those by a former key count with --key FORMER_PUBLIC.pem; those that are damaged go first: withdraw them.\n' +
      passedOver.join('\n'),
  );
}

function versionFrom(text: string): number {
  if (releaseVersionPattern.test(text)) return Number(text);
  throw new UpdateError('USAGE', `VERSION is the 9 to 12 digits of a release, found ${quote(text)}.`);
}

async function keysOf(folder: string, paths: readonly string[]): Promise<PublicKey[]> {
  const published = join(folder, publicKeyName);
  const all = (await exists(published)) ? [published, ...paths] : paths;
  if (all.length > 0) return Promise.all(all.map(readPublicKey));
  throw new UpdateError('NOT_FOUND', `${published} is not there to tell which releases are signed: give --key PUBLIC.`);
}
