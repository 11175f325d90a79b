import { describeKey, readPublicKey } from './key-files.ts';
import { signerOf, withPackage } from './package-file.ts';
import { verb } from './verb.ts';

export const verify = verb({
  summary: 'check PACKAGE.sig',
  operands: ['PACKAGE'],
  options: { key: { type: 'string', value: 'PUBLIC', required: true, help: 'PEM file of the public key' } },
  details: `Checks that PACKAGE.sig beside PACKAGE was made by this key for these bytes. Exit code 4 when not.
It says nothing of what is in the package: see "opq-release inspect".`,
  examples: [
    ['opq-release verify opq-box-update-1550190683.tar.bz2 --key keys/public_key.pem', 'before it goes on a USB stick'],
  ],

  async run({ PACKAGE: path, key }) {
    const publicKey = await readPublicKey(key);
    const signer = await withPackage(path, (file) => signerOf(file, [publicKey]));
    return {
      text: `${path} is signed by ${describeKey(signer)}`,
      json: { package: path, kind: signer.kind, fingerprint: signer.fingerprint },
    };
  },
});
