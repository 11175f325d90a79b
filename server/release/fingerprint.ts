import { readPublicKey } from './key-files.ts';
import { verb } from './verb.ts';

export const fingerprint = verb({
  summary: 'tell the fingerprint of a public key',
  operands: ['PUBLIC'],
  options: {},
  details: `Prints SHA-256 of the key's DER form, as boxes show it: what two people compare, and what the --fingerprint
of install.sh and of "opq-updater keys add" takes.`,
  examples: [['opq-release fingerprint keys/public_key.pem', 'of a key that was made before']],

  async run({ PUBLIC: path }) {
    const { kind, fingerprint } = await readPublicKey(path);
    return { text: fingerprint, json: { public_key: path, kind, fingerprint } };
  },
});
