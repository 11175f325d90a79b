import { createHash, createSign } from 'node:crypto';
import { dirname, join } from 'node:path';
import { UpdateError } from '../../protocol/errors.ts';
import type { ReleaseFile } from '../../protocol/release-file.ts';
import { encodeSignature } from '../../protocol/signature.ts';
import { packageName, signatureName } from '../../protocol/version.ts';
import { tap } from './chunks.ts';
import { judgePackage } from './judge-package.ts';
import { describeKey, type PrivateKey, publicPem, readPrivateKey, readPublicKey } from './key-files.ts';
import { digest, type PackageFile, signerOf, versionOfPackage, withPackage } from './package-file.ts';
import { judgeKeys, publishKeys } from './published-keys.ts';
import { exists, makePublicFolder, putFile, putText } from './put-file.ts';
import { sizeText } from './text.ts';
import { namedRelease, nameRelease, newestSigned, publicKeyName, releaseFileOf, versionsIn } from './updates-folder.ts';
import { verb } from './verb.ts';

export const publish = verb({
  summary: 'sign a package and offer it to the boxes',
  operands: ['PACKAGE'],
  options: {
    to: { type: 'string', value: 'UPDATES_DIR', required: true, help: 'folder that the update server serves' },
    key: { type: 'string', value: 'PRIVATE', required: true, help: 'PEM file of the private key' },
    'new-key': { type: 'boolean', help: 'sign with another key than the one published there' },
  },
  details: `Reads PACKAGE as a box would, then puts into UPDATES_DIR, in this order: the package, its signature,
${publicKeyName}, keys.json when the package carries a chain of keys, and version.json, which names the
newest release. Each appears whole or not at all, and if the power fails in the middle, boxes see the
release before; run it again to finish.
An older release than the newest is published without touching version.json.
Refused: a package that a box would refuse, other bytes under a version that is published already (but
a copy there that was damaged is put right), a package without the chain of keys that is published
there, a key that the chain retires, and, unless told otherwise, a key that is not the one published
there: boxes that pin that one refuse the release.`,
  examples: [
    [
      'opq-release publish opq-box-update-1550190683.tar.bz2 --to updates --key keys/private_key.pem',
      'offer a release',
    ],
    [
      'opq-release publish opq-box-update-1550190999.tar.bz2 --to updates --key keys-2/private_key.pem --new-key',
      'the first release with a new key, once every box has it pinned',
    ],
  ],

  async run({ PACKAGE: path, to, key: keyPath, 'new-key': newKey }) {
    const version = versionOfPackage(path);
    const key = await readPrivateKey(keyPath);
    await makePublicFolder(to);
    const isKeyThere = await sameKey(to, key, newKey);
    const { release, signature, links, mended } = await withPackage(path, (file) => putPackage(file, to, version, key));
    const isSigned = await withPackage(join(to, packageName(version)), (file) => isSignedBy(file, key));
    if (!isSigned) await putText(join(to, signatureName(version)), signature);
    if (!isKeyThere) await putText(join(to, publicKeyName), publicPem(key.publicKey.key));
    await publishKeys(to, links);
    const newest = await nameNewest(to, release, key);
    return {
      text: [
        `${join(to, packageName(version))} (${sizeText(release.size!)})`,
        `signed by ${describeKey(key.publicKey)}`,
        newest === version ? `version.json names ${version}` : `version.json still names ${newest}, which is newer`,
        ...(mended
          ? ['the copy that lay there was damaged and is replaced; caches on the way may keep it: empty them']
          : []),
        ...(isKeyThere || links.length > 0
          ? []
          : [
              'This key is new here, and the package brings no chain of keys: only boxes that trust it already take it.',
            ]),
      ].join('\n'),
      json: {
        version,
        newest,
        size: release.size,
        sha256: release.sha256,
        fingerprint: key.publicKey.fingerprint,
        mended,
      },
    };
  },
});

/** Whether this key is the one published in the folder. @throws UpdateError USAGE when another one is */
async function sameKey(folder: string, { publicKey }: PrivateKey, newKey: boolean): Promise<boolean> {
  const path = join(folder, publicKeyName);
  if (!(await exists(path))) return false;
  const published = await readPublicKey(path).catch((error) => {
    if (newKey && error instanceof UpdateError) return undefined;
    throw error;
  });
  if (published?.fingerprint === publicKey.fingerprint) return true;
  if (newKey) return false;
  throw new UpdateError(
    'USAGE',
    `This is the ${describeKey(publicKey)}, boxes were offered the ${describeKey(published!)}. ` +
      'Boxes that trust only that one refuse what this one signs. If this is the wrong key, give the other one; ' +
      'if the key changes, first "opq-release key-rollover" (docs/keys.md), then --new-key.',
  );
}

/** Copies, judges and signs in one pass, so that what was judged and signed is what lies there. */
async function putPackage(file: PackageFile, folder: string, version: number, privateKey: PrivateKey) {
  const { key, publicKey } = privateKey;
  const target = join(folder, packageName(version));
  const read = async (look: (chunk: Buffer) => Promise<unknown>) => {
    const hash = createHash('sha256');
    const signer = createSign('sha256');
    let sizeBytes = 0;
    const watched = tap(file.chunks(), async (chunk) => {
      for (const digester of [hash, signer]) digester.update(chunk);
      sizeBytes += chunk.length;
      await look(chunk);
    });
    const { updateJson } = await judgePackage(watched, version);
    const release = releaseFileOf({ version, sizeBytes, sha256: hash.digest('hex'), updateJson });
    const links = updateJson?.keys ?? [];
    await judgeKeys(folder, links, publicKey);
    return { release, links, signature: encodeSignature(signer.sign(key)) };
  };
  const put = (mended: boolean) =>
    putFile(target, async (temp) => ({ ...(await read((chunk) => temp.writeFile(chunk))), mended }));
  if (!(await exists(target))) return put(false);
  const again = await read(async () => {});
  const published = await withPackage(target, digest);
  if (published.sha256 === again.release.sha256) return { ...again, mended: false };
  if (await isDamaged(target, file, again.release, privateKey)) return put(true);
  throw new UpdateError(
    'USAGE',
    `${version} is published already, with other bytes, and boxes may have it: build with a newer version.`,
  );
}

/** Whether what lies there is not what was published: that was this file, by the signature there or version.json. */
async function isDamaged(target: string, file: PackageFile, { version, sha256 }: ReleaseFile, key: PrivateKey) {
  if (await isSignedBy({ ...file, path: target }, key)) return true;
  const named = await namedRelease(dirname(target));
  if (named?.version !== version || named.sha256 !== sha256) return false;
  return !(await withPackage(target, (published) => isSignedBy(published, key)));
}

/** ECDSA gives other bytes each time: a signature that holds stays, for the caches on the way to the boxes. */
async function isSignedBy(file: PackageFile, { publicKey }: PrivateKey): Promise<boolean> {
  try {
    await signerOf(file, [publicKey]);
    return true;
  } catch (error) {
    if (error instanceof UpdateError) return false;
    throw error;
  }
}

/** Has version.json name the newest release: this one, unless a newer one is there. Gives its version. */
async function nameNewest(folder: string, release: ReleaseFile, { publicKey }: PrivateKey): Promise<number> {
  const versions = await versionsIn(folder);
  const named = await namedRelease(folder);
  const isNewer = named !== undefined && named.version > release.version && versions.includes(named.version);
  const best = isNewer ? named : release;
  // Newer still: a publishing that was cut off before its last step, or packages signed and copied in by hand.
  const { newest = best } = await newestSigned(
    folder,
    versions.filter((v) => v > best.version),
    [publicKey],
  );
  if (newest !== named) await nameRelease(folder, newest);
  return newest.version;
}
