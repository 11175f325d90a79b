import { join } from 'node:path';
import { formatIndex } from '../../protocol/component-index.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { quote } from '../../protocol/version.ts';
import { draftName, storedComponents } from './component-store.ts';
import { putText } from './put-file.ts';
import { verb } from './verb.ts';

const defaultDays = 90;

export const componentIndex = verb({
  summary: 'list the components of a store in a draft of its index',
  operands: ['STORE'],
  options: { days: { type: 'string', value: 'N', help: `how long the index holds (default: ${defaultDays})` } },
  details: `Writes STORE/index.draft.json with every component of STORE and the time until which boxes trust it.
Remove a component that is not to be installed any more before: what the index does not list, no box
takes, whoever built the image. "component sign" makes the draft the index.`,
  examples: [
    ['opq-release component index store --days 30', 'after a component came or went, and before the old one ends'],
  ],

  async run({ STORE: store, days = String(defaultDays) }, { nowS }) {
    if (!/^[1-9]\d{0,3}$/.test(days)) {
      throw new UpdateError('USAGE', `--days is a whole number from 1 to 9999, found ${quote(days)}.`);
    }
    const components = await storedComponents(store);
    const expires = nowS + Number(days) * 86_400;
    const path = join(store, draftName);
    await putText(path, formatIndex({ format: 1, expires, components }));
    return {
      text: `${path}\n${components.length} components, holds until ${new Date(expires * 1000).toISOString().slice(0, 10)}`,
      json: { draft: path, components: components.length, expires },
    };
  },
});
