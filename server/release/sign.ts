import { createSign } from 'node:crypto';
import { encodeSignature } from '../../protocol/signature.ts';
import { tap } from './chunks.ts';
import { judgePackage } from './judge-package.ts';
import { describeKey, type PrivateKey, readPrivateKey } from './key-files.ts';
import { type PackageFile, versionOfPackage, withPackage } from './package-file.ts';
import { putText } from './put-file.ts';
import { verb } from './verb.ts';

export const sign = verb({
  summary: 'write PACKAGE.sig',
  operands: ['PACKAGE'],
  options: { key: { type: 'string', value: 'PRIVATE', required: true, help: 'PEM file of the private key' } },
  details: `Reads PACKAGE as a box would, signs its bytes and writes PACKAGE.sig beside it, as these two commands do:
  openssl dgst -sha256 -sign PRIVATE -out SIG PACKAGE; openssl base64 -in SIG -out PACKAGE.sig
"publish" signs by itself; this is for packages that travel by USB stick.
Refused: a package that a box would refuse.`,
  examples: [
    ['opq-release sign opq-box-update-1550190683.tar.bz2 --key keys/private_key.pem', 'for a box without network'],
  ],

  async run({ PACKAGE: path, key: keyPath }) {
    const key = await readPrivateKey(keyPath);
    const signature = await withPackage(path, (file) => signatureOf(file, key));
    await putText(`${path}.sig`, encodeSignature(signature));
    return {
      text: `${path}.sig\nsigned by ${describeKey(key.publicKey)}`,
      json: { signature: `${path}.sig`, kind: key.publicKey.kind, fingerprint: key.publicKey.fingerprint },
    };
  },
});

/** What is judged is what is signed: one pass. */
async function signatureOf(file: PackageFile, { key }: PrivateKey): Promise<Buffer> {
  const signer = createSign('sha256');
  const watched = tap(file.chunks(), (chunk) => void signer.update(chunk));
  await judgePackage(watched, versionOfPackage(file.path));
  return signer.sign(key);
}
