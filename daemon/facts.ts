/** What is known in each step: the schema of the journal, and the types of the steps, from one source. */
import * as z from 'zod';
import { type ChannelName, channelNames } from '../protocol/channel-keys.ts';
import type { ErrorCode } from '../protocol/error-codes.ts';
import { isErrorCode } from '../protocol/error-codes.ts';
import { linksSchema } from '../protocol/key-chain.ts';
import { updateSteps } from '../protocol/views.ts';

const whole = z.int().nonnegative();
const errorCode = z.string().refine(isErrorCode) as unknown as z.ZodType<ErrorCode>;
const step = z.enum(updateSteps);
const strings = z.array(z.string()).readonly();

/** What a channel offers. Unverified: it says what to fetch. */
export const offerSchema = z.object({
  /** The channel that it came by, and that proves it, whatever is configured since. */
  channel: z.enum(channelNames).default('detached'),
  version: whole,
  packageUrl: z.string(),
  /** Null: its hash is signed, in the metadata of its channel. */
  signatureUrl: z.string().nullable(),
  sizeBytes: whole.nullable(),
  sha256: z.string().nullable(),
  hardware: strings.nullable(),
  notes: z.string().nullable(),
  /** What a builder has to put together first: all that it could, or what was chosen of it. Null = it lies there ready. */
  components: z
    .array(z.object({ name: z.string(), version: z.string(), requires: strings, conflicts: strings }))
    .readonly()
    .nullable()
    .default(null),
});
export type Offer = Readonly<z.output<typeof offerSchema>>;

const updateSchema = z.object({
  id: z.string(),
  /** Installed version when it began; null = none readable. */
  from: whole.nullable(),
  to: whole,
  by: z.enum(['schedule', 'person', 'file']),
  source: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('server'), offer: offerSchema }),
    z.object({ kind: z.literal('file'), path: z.string() }),
  ]),
  retry: z.boolean(),
  allowDowngrade: z.boolean(),
  startedAt: z.string(),
  /** Seconds spent in each step so far. */
  seconds: z.partialRecord(step, z.number()),
  /** Power cuts on its way: the step, and how many seconds in; null = not known. */
  cuts: z.array(z.object({ step, intoS: z.number().nullable() })).default([]),
  /** Known once the signature held. */
  signedBy: z.string().nullable(),
  sha256: z.string().nullable(),
});
export type Update = Readonly<z.output<typeof updateSchema>>;

/** What a person brings has its signature beside it. */
export const channelOf = ({ source }: Pick<Update, 'source'>): ChannelName =>
  source.kind === 'server' ? source.offer.channel : 'detached';

const verifiedSchema = z.object({
  sha256: z.string(),
  signedBy: z.string(),
  /** Bytes of the decoded archive. */
  decodedBytes: whole,
  unpackedBytes: whole,
  entryCount: whole,
  hardware: strings.nullable(),
  services: strings,
  writablePaths: strings,
  notes: z.string().nullable(),
  /** Name to version of what it is put together of; null = it does not say. */
  components: z.record(z.string(), z.string()).nullable().default(null),
  /** The updater that it brings, and its folder in the package. */
  updater: z.object({ version: z.string(), path: z.string() }).nullable(),
  /** The chain of keys that it carries, to be followed once it is confirmed. */
  keyLinks: linksSchema.default([]),
});
/** What the package says of itself: made by `verify` alone, once the signature held. */
export type VerifiedRelease = Readonly<z.output<typeof verifiedSchema>>;

const baselineSchema = z.record(z.string(), z.enum(['active', 'by hand', 'failed', 'inactive', 'absent']));
/** State of each service before it was stopped: what health is measured against. `by hand` = up, but no boot starts it. */
export type Baseline = Readonly<z.output<typeof baselineSchema>>;

const becauseSchema = z.object({ code: errorCode, message: z.string(), step });
/** Why an update did not go on: the code, a sentence, and the step in which it happened. */
export type Because = Readonly<z.output<typeof becauseSchema>>;

const beginning = z.object({ update: updateSchema });
const verified = beginning.extend({ release: verifiedSchema });
const ready = verified.extend({
  paths: strings,
  baseline: baselineSchema,
  /** True: the default gateway answered before the update. */
  gateway: z.boolean().default(false),
});
const trial = ready.extend({
  /** Boot in which the step began. */
  bootId: z.string(),
  /** Wall clock when the first service was stopped, ms. */
  stoppedAtMs: z.number(),
  scriptTail: strings,
});
const undoing = trial.extend({
  because: becauseSchema,
  /** False: install_update.sh was never started, nothing but services has to be put right. */
  scriptStarted: z.boolean(),
  /** True: the release itself is to blame and is not taken again by itself. */
  blame: z.boolean(),
  /** Boots in which the undo was tried again after it had failed. */
  stuckBoots: whole,
});

/** Each step's facts. `step` is the discriminator. */
export const factsSchemas = {
  /** With what the last update came to, so that its history can still be written after a cut. */
  idle: z.object({
    because: becauseSchema.nullable(),
    update: updateSchema.nullable(),
    outageS: z.number().nullable(),
    scriptTail: strings,
  }),
  download: beginning,
  verify: beginning,
  unpack: verified,
  snapshot: verified,
  stop: ready,
  install: trial.extend({
    /** What of the updater's own must be as it was when the script is done. */
    seal: z.record(z.string(), z.string()),
  }),
  reboot: trial,
  confirm: trial.extend({ cutBoots: whole }),
  undo: undoing,
  rollback: undoing,
  restored: undoing,
  stuck: undoing.extend({ stuckBecause: becauseSchema }),
} as const;

export type StepName = keyof typeof factsSchemas;
export type Facts = { [K in StepName]: Readonly<z.output<(typeof factsSchemas)[K]>> };
export const stepNames = Object.keys(factsSchemas) as StepName[];
