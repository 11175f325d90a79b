import { createHash } from 'node:crypto';
import { Metadata, MetaFile, Snapshot, Targets, Timestamp } from '@tufjs/models';
import { UpdateError } from '../../../protocol/errors.ts';
import { warnDaysAhead } from '../../../protocol/tuf.ts';
import { type PrivateKey, readPrivateKey } from '../key-files.ts';
import { verb } from '../verb.ts';
import { targetsDays } from './add.ts';
import {
  daysLeft,
  drafted,
  expiryIn,
  formatMetadata,
  type MetadataOf,
  missing,
  publishDraft,
  published,
  type RoleName,
  rootOf,
  saveDraft,
  specVersion,
} from './desk.ts';
import { signerOf, tufKey } from './keys.ts';

export const tufRefresh = verb({
  summary: 'draft, sign and publish what is due, as far as keys are here',
  operands: ['DESK'],
  options: {
    key: { type: 'string', value: 'PRIVATE', multiple: true, help: 'a private key that is on this machine' },
    'snapshot-days': { type: 'string', value: 'N', help: 'how long the snapshot holds (default: 180)' },
    'timestamp-days': { type: 'string', value: 'N', help: 'how long the timestamp holds (default: 90)' },
  },
  details: `Goes through root, targets, snapshot and timestamp: what is new, was signed by keys that went, or expires
within ${warnDaysAhead} days is drafted and signed with the keys given; the timestamp each time. Once all four are complete
they are published in that order, the timestamp last, so that boxes see the state before or the new one.
Where signatures are missing nothing is published; it says which, and where the draft is. Have it signed,
bring it back, run this again. Run it regularly: with the keys of snapshot and timestamp from a timer.`,
  examples: [['opq-release tuf refresh desk --key online/private_key.pem', 'every week, and after each change']],

  async run(
    { DESK: desk, key: keyPaths, 'snapshot-days': snapshotDays = '180', 'timestamp-days': timestampDays = '90' },
    { nowS },
  ) {
    const keys = await Promise.all(keyPaths.map(readPrivateKey));
    const { root, before } = await rootOf(desk);
    const now = { desk, nowS, keys, authorities: [root] };
    const rootDue: Due<'root'> = { draft: root === before ? undefined : root, now: before ?? root };
    const done: { role: RoleName; metadata: MetadataOf<RoleName> }[] = [];
    const open: string[] = [];
    const settle = async <R extends RoleName>(
      role: R,
      due: Due<R>,
      by = now.authorities,
    ): Promise<MetadataOf<R> | undefined> => {
      if (!due.draft) return due.now;
      const lacking = await signed(role, due.draft, { ...now, authorities: by });
      if (lacking.length === 0) {
        done.push({ role, metadata: due.draft });
        return due.draft;
      }
      open.push(`${await saveDraft(desk, role, due.draft)} lacks signatures; of these keys: ${lacking.join(', ')}`);
      return undefined;
    };

    await settle('root', rootDue, before ? [before, root] : [root]);
    const targets = await settle('targets', await dueTargets(now));
    const snapshot =
      targets && (await settle('snapshot', await dueSnapshot(now, targets, expiryIn(snapshotDays, nowS))));
    const timestamp = snapshot && (await dueTimestamp(now, snapshot, expiryIn(timestampDays, nowS)));
    if (timestamp) await settle('timestamp', { draft: timestamp, now: timestamp });
    if (open.length > 0) {
      // Signing again would make other bytes, and what was signed elsewhere over these would be of no use.
      for (const { role, metadata } of done) await saveDraft(desk, role, metadata);
      return { text: ['Nothing is published yet.', ...open].join('\n'), json: { published: [], open }, exit: 5 };
    }
    for (const { role, metadata } of done) await publishDraft(desk, role, metadata);
    const names = done.map(({ role, metadata }) => `${role} ${metadata.signed.version}`);
    return { text: `published: ${names.join(', ')}`, json: { published: names, open } };
  },
});

interface Now {
  readonly desk: string;
  readonly nowS: number;
  readonly keys: readonly PrivateKey[];
  /** The root that all the others are judged by. */
  readonly authorities: readonly MetadataOf<'root'>[];
}

/** What is published of a role, and what is to take its place. */
interface Due<R extends RoleName> {
  readonly draft: MetadataOf<R> | undefined;
  readonly now: MetadataOf<R> | undefined;
}

/** Signs with the keys that are here. @returns keys that have still to sign @throws UpdateError METADATA_EXPIRED */
async function signed(
  role: RoleName,
  draft: MetadataOf<RoleName>,
  { keys, authorities, nowS }: Now,
): Promise<string[]> {
  if (!isUsable(draft, nowS)) {
    throw new UpdateError(
      'METADATA_EXPIRED',
      `The draft of ${role} holds until ${draft.signed.expires} only: draft it anew.`,
    );
  }
  for (const key of keys) {
    if (missing(role, draft, authorities).includes(tufKey(key.publicKey).keyID)) draft.sign(signerOf(key));
  }
  return [...new Set(missing(role, draft, authorities))];
}

const isUsable = (draft: MetadataOf<RoleName>, nowS: number): boolean => daysLeft(draft.signed.expires, nowS) >= 1;

const holdsOn = (role: RoleName, metadata: MetadataOf<RoleName>, { authorities, nowS }: Now): boolean =>
  missing(role, metadata, authorities).length === 0 && daysLeft(metadata.signed.expires, nowS) >= warnDaysAhead;

/** @throws UpdateError NOT_FOUND */
async function dueTargets(now: Now): Promise<Due<'targets'>> {
  const before = await published(now.desk, 'targets');
  const draft = await drafted(now.desk, 'targets');
  if (!draft && !before) throw new UpdateError('NOT_FOUND', 'There are no targets yet: "opq-release tuf add".');
  if (draft ?? holdsOn('targets', before!, now)) return { draft, now: before };
  const { version, targets } = before!.signed;
  const expires = expiryIn(targetsDays, now.nowS);
  return { draft: new Metadata(new Targets({ version: version + 1, specVersion, expires, targets })), now: before };
}

async function dueSnapshot(now: Now, targets: MetadataOf<'targets'>, expires: string): Promise<Due<'snapshot'>> {
  const before = await published(now.desk, 'snapshot');
  const meta = { 'targets.json': metaOf(targets) };
  const isOf = (it: MetadataOf<'snapshot'> | undefined) =>
    it?.signed.meta['targets.json']?.equals(meta['targets.json']) === true;
  if (isOf(before) && holdsOn('snapshot', before!, now)) return { draft: undefined, now: before };
  const waiting = await drafted(now.desk, 'snapshot');
  // A draft of targets that were changed since is of no use.
  if (waiting && isOf(waiting) && isUsable(waiting, now.nowS)) return { draft: waiting, now: before };
  const version = (before?.signed.version ?? 0) + 1;
  return { draft: new Metadata(new Snapshot({ version, specVersion, expires, meta })), now: before };
}

async function dueTimestamp(
  now: Now,
  snapshot: MetadataOf<'snapshot'>,
  expires: string,
): Promise<MetadataOf<'timestamp'>> {
  const before = await published(now.desk, 'timestamp');
  const snapshotMeta = metaOf(snapshot);
  const waiting = await drafted(now.desk, 'timestamp');
  if (waiting?.signed.snapshotMeta.equals(snapshotMeta) && isUsable(waiting, now.nowS)) return waiting;
  return new Metadata(
    new Timestamp({ version: (before?.signed.version ?? 0) + 1, specVersion, expires, snapshotMeta }),
  );
}

function metaOf(metadata: MetadataOf<'targets' | 'snapshot'>): MetaFile {
  const bytes = Buffer.from(formatMetadata(metadata));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return new MetaFile({ version: metadata.signed.version, length: bytes.length, hashes: { sha256 } });
}
