/** What is known in each step: the schema of the journal, and the types of the steps, from one source. */
import { type ChannelName, channelNames } from '../protocol/channel-keys.ts';
import type { ErrorCode } from '../protocol/error-codes.ts';
import { isErrorCode } from '../protocol/error-codes.ts';
import { linksSchema } from '../protocol/key-chain.ts';
import * as s from '../protocol/schema.ts';
import { updateSteps } from '../protocol/views.ts';

const whole = s.int(s.minValue(0));
const errorCode = s.string(s.check(isErrorCode)) as unknown as s.Schema<unknown, ErrorCode>;
const step = s.picklist(updateSteps);
const strings = s.pipe(s.array(s.string()), s.readonly());

/** What a channel offers. Unverified: it says what to fetch. */
export const offerSchema = s.object({
  /** The channel that it came by, and that proves it, whatever is configured since. */
  channel: s.optional(s.picklist(channelNames), 'detached'),
  version: whole,
  packageUrl: s.string(),
  /** Null: its hash is signed, in the metadata of its channel. */
  signatureUrl: s.nullable(s.string()),
  sizeBytes: s.nullable(whole),
  sha256: s.nullable(s.string()),
  hardware: s.nullable(strings),
  notes: s.nullable(s.string()),
  /** What a builder has to put together first: all that it could, or what was chosen of it. Null = it lies there ready. */
  components: s.optional(
    s.nullable(
      s.pipe(
        s.array(s.object({ name: s.string(), version: s.string(), requires: strings, conflicts: strings })),
        s.readonly(),
      ),
    ),
    null,
  ),
});
export type Offer = Readonly<s.Output<typeof offerSchema>>;

const updateSchema = s.object({
  id: s.string(),
  /** Installed version when it began; null = none readable. */
  from: s.nullable(whole),
  to: whole,
  by: s.picklist(['schedule', 'person', 'file']),
  source: s.variant('kind', [
    s.object({ kind: s.literal('server'), offer: offerSchema }),
    s.object({ kind: s.literal('file'), path: s.string() }),
  ]),
  retry: s.boolean(),
  allowDowngrade: s.boolean(),
  startedAt: s.string(),
  /** Seconds spent in each step so far. */
  seconds: s.record(step, s.number()),
  /** Power cuts on its way: the step, and how many seconds in; null = not known. */
  cuts: s.optional(s.array(s.object({ step, intoS: s.nullable(s.number()) })), []),
  /** Known once the signature held. */
  signedBy: s.nullable(s.string()),
  sha256: s.nullable(s.string()),
});
export type Update = Readonly<s.Output<typeof updateSchema>>;

/** What a person brings has its signature beside it. */
export const channelOf = ({ source }: Pick<Update, 'source'>): ChannelName =>
  source.kind === 'server' ? source.offer.channel : 'detached';

const verifiedSchema = s.object({
  sha256: s.string(),
  signedBy: s.string(),
  /** Bytes of the decoded archive. */
  decodedBytes: whole,
  unpackedBytes: whole,
  entryCount: whole,
  hardware: s.nullable(strings),
  services: strings,
  writablePaths: strings,
  notes: s.nullable(s.string()),
  /** Name to version of what it is put together of; null = it does not say. */
  components: s.optional(s.nullable(s.record(s.string(), s.string())), null),
  /** The updater that it brings, and its folder in the package. */
  updater: s.nullable(s.object({ version: s.string(), path: s.string() })),
  /** The chain of keys that it carries, to be followed once it is confirmed. */
  keyLinks: s.optional(linksSchema, []),
});
/** What the package says of itself: made by `verify` alone, once the signature held. */
export type VerifiedRelease = Readonly<s.Output<typeof verifiedSchema>>;

const baselineSchema = s.record(s.string(), s.picklist(['active', 'by hand', 'failed', 'inactive', 'absent']));
/** State of each service before it was stopped: what health is measured against. `by hand` = up, but no boot starts it. */
export type Baseline = Readonly<s.Output<typeof baselineSchema>>;

const becauseSchema = s.object({ code: errorCode, message: s.string(), step });
/** Why an update did not go on: the code, a sentence, and the step in which it happened. */
export type Because = Readonly<s.Output<typeof becauseSchema>>;

const beginning = s.object({ update: updateSchema });
const verified = s.object({ ...beginning.entries, release: verifiedSchema });
const ready = s.object({
  ...verified.entries,
  paths: strings,
  baseline: baselineSchema,
  /** True: the default gateway answered before the update. */
  gateway: s.optional(s.boolean(), false),
});
const trial = s.object({
  ...ready.entries,
  /** Boot in which the step began. */
  bootId: s.string(),
  /** Wall clock when the first service was stopped, ms. */
  stoppedAtMs: s.number(),
  scriptTail: strings,
});
const undoing = s.object({
  ...trial.entries,
  because: becauseSchema,
  /** False: install_update.sh was never started, nothing but services has to be put right. */
  scriptStarted: s.boolean(),
  /** True: the release itself is to blame and is not taken again by itself. */
  blame: s.boolean(),
  /** Boots in which the undo was tried again after it had failed. */
  stuckBoots: whole,
});

/** Each step's facts. `step` is the discriminator. */
export const factsSchemas = {
  /** With what the last update came to, so that its history can still be written after a cut. */
  idle: s.object({
    because: s.nullable(becauseSchema),
    update: s.nullable(updateSchema),
    outageS: s.nullable(s.number()),
    scriptTail: strings,
  }),
  download: beginning,
  verify: beginning,
  unpack: verified,
  snapshot: verified,
  stop: ready,
  install: s.object({
    ...trial.entries,
    /** What of the updater's own must be as it was when the script is done. */
    seal: s.record(s.string(), s.string()),
  }),
  reboot: trial,
  confirm: s.object({ ...trial.entries, cutBoots: whole }),
  undo: undoing,
  rollback: undoing,
  restored: undoing,
  stuck: s.object({ ...undoing.entries, stuckBecause: becauseSchema }),
} as const;

export type StepName = keyof typeof factsSchemas;
export type Facts = { [K in StepName]: Readonly<s.Output<(typeof factsSchemas)[K]>> };
export const stepNames = Object.keys(factsSchemas) as StepName[];
