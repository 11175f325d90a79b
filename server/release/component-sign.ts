import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { indexName, indexSignatureName, parseIndex } from '../../protocol/component-index.ts';
import { encodeSignature, signBytes } from '../../protocol/signature.ts';
import { draftName } from './component-store.ts';
import { describeKey, readPrivateKey } from './key-files.ts';
import { putFile, putText } from './put-file.ts';
import { verb } from './verb.ts';

export const componentSign = verb({
  summary: 'sign the index of a component store',
  operands: ['STORE'],
  options: {
    key: { type: 'string', value: 'PRIVATE', required: true, help: 'PEM file of the key that boxes have pinned' },
  },
  details: `Signs STORE/index.draft.json and makes it STORE/index.json with STORE/index.json.sig. This is the key of
releases: do it on the publisher's machine, then copy the store to the server, components first. The
server has a key of its own, which boxes trust only to put components of this index together.`,
  examples: [['opq-release component sign store --key keys/private_key.pem', 'the last step, away from the server']],

  async run({ STORE: store, key: keyPath }) {
    const key = await readPrivateKey(keyPath);
    const draft = join(store, draftName);
    const bytes = await readFile(draft);
    const { components, expires } = parseIndex(bytes);
    await putText(join(store, indexSignatureName), encodeSignature(signBytes(bytes, key.key)));
    await putFile(join(store, indexName), (temp) => temp.writeFile(bytes));
    await rm(draft);
    return {
      text: `${join(store, indexName)}\n${components.length} components, signed by ${describeKey(key.publicKey)}`,
      json: {
        index: join(store, indexName),
        components: components.length,
        expires,
        fingerprint: key.publicKey.fingerprint,
      },
    };
  },
});
