import { UpdateError } from '../../../protocol/errors.ts';
import { verb } from '../verb.ts';
import { drafted, expiryIn, published, roleNames, saveDraft } from './desk.ts';
import { change, emptyPlan, rootFrom } from './root.ts';

const key = (role: string) =>
  ({ type: 'string', value: 'PUBLIC', multiple: true, help: `a key of the role ${role}; again for more` }) as const;

export const tufInit = verb({
  summary: 'begin a desk of signed metadata',
  operands: ['DESK'],
  options: {
    root: key('root'),
    targets: key('targets'),
    snapshot: key('snapshot'),
    timestamp: key('timestamp'),
    threshold: { type: 'string', value: 'N', help: 'how many of the root keys have to sign (default: 2)' },
    days: { type: 'string', value: 'N', help: 'how long the root holds (default: 730)' },
  },
  details: `Drafts the first root in DESK/drafts. Only public keys (ECDSA P-256) are needed here: carry the draft to the
machines of the root keys, have each "tuf sign" it, and bring it back. "tuf refresh" says what is missing.
Three root keys at three places, two of which sign, survive the loss or the theft of one.`,
  examples: [
    [
      'opq-release tuf init desk --root root-1/public_key.pem --root root-2/public_key.pem --root root-3/public_key.pem --targets targets/public_key.pem --snapshot online/public_key.pem --timestamp online/public_key.pem',
      'two of three root keys; one key for snapshot and timestamp',
    ],
  ],

  async run({ DESK: desk, threshold = '2', days = '730', ...keys }, { nowS }) {
    if ((await published(desk, 'root')) ?? (await drafted(desk, 'root'))) {
      throw new UpdateError('USAGE', `${desk} has a root already: change it with "opq-release tuf rotate".`);
    }
    const plan = emptyPlan();
    for (const role of roleNames) {
      await change(plan, role, { add: keys[role], remove: [], threshold: role === 'root' ? threshold : undefined });
    }
    const path = await saveDraft(desk, 'root', rootFrom(plan, 1, expiryIn(days, nowS)));
    return { text: `${path}\nto be signed by ${threshold} of the root keys`, json: { draft: path } };
  },
});
