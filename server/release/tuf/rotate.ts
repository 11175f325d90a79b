import { UpdateError } from '../../../protocol/errors.ts';
import { verb } from '../verb.ts';
import { expiryIn, rootOf, saveDraft } from './desk.ts';
import { change, planOf, roleFrom, rootFrom } from './root.ts';

export const tufRotate = verb({
  summary: 'change the keys of a role, or renew the root',
  operands: ['DESK'],
  options: {
    role: { type: 'string', value: 'ROLE', help: 'root, targets, snapshot or timestamp' },
    add: { type: 'string', value: 'PUBLIC', multiple: true, help: 'a key that comes' },
    remove: { type: 'string', value: 'PUBLIC', multiple: true, help: 'a key that goes: its file or key id' },
    threshold: { type: 'string', value: 'N', help: 'how many of the keys have to sign (default: as now)' },
    days: { type: 'string', value: 'N', help: 'how long the root holds (default: 730)' },
  },
  details: `Drafts the next root; again it changes that draft, whose signatures are then void. Without --role it only
holds for longer. The draft needs the signatures of the root before it and its own. "tuf refresh" has what
the old keys signed signed anew, and publishes all of it at once.
When the key of snapshot or timestamp was stolen, rotate both roles: boxes then forget how high the
thief has counted.`,
  examples: [
    [
      'opq-release tuf rotate desk --role targets --remove targets/public_key.pem --add targets-2/public_key.pem',
      'the key of targets was stolen',
    ],
    ['opq-release tuf rotate desk', 'the root expires soon'],
  ],

  async run({ DESK: desk, role, days = '730', ...wanted }, { nowS }) {
    const { root, before } = await rootOf(desk);
    if (!before) {
      throw new UpdateError('USAGE', `The first root is not published yet: remove ${desk}/drafts and begin again.`);
    }
    const plan = planOf(root);
    if (role !== undefined) await change(plan, roleFrom(role), wanted);
    else if (wanted.add.length + wanted.remove.length > 0)
      throw new UpdateError('USAGE', 'Of which role? Give --role.');
    const path = await saveDraft(desk, 'root', rootFrom(plan, before.signed.version + 1, expiryIn(days, nowS)));
    return { text: `${path}\nto be signed by the root keys of before and of now`, json: { draft: path } };
  },
});
