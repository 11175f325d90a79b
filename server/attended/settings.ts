import { UpdateError } from '../../protocol/errors.ts';
import * as s from '../../protocol/schema.ts';

const path = s.string(s.minLength(1));
const count = (max: number) => s.int(s.minValue(1), s.maxValue(max));

/** The settings below "attended": builds on demand. Without them the server has none of it. */
const settingsSchema = s.strictObject({
  /** The component store, as "opq-release component" makes it; only read. */
  store_dir: path,
  /** What is built, and what waits to be built; the server and its workers write here. */
  cache_dir: path,
  /** Private key that signs images: a builder's, never the key of releases. */
  builder_key_path: path,
  /** Public key of releases, which the component index has to be signed with. */
  index_key_path: path,
  /** Address of this server as clients see it, without a slash at its end; by default as the request names it. */
  public_url: s.optional(s.string(s.regex(/^https?:\/\/[^\s/?#]+(\/[^\s?#]+)*$/), s.maxLength(120))),
  /** With it the queue is BullMQ on this server, and workers are programs of their own. */
  redis_url: s.optional(s.string(s.regex(/^(rediss?|unix):\/\/\S+$/, 'expected an address such as redis://host:6379'))),
  /** Builders beside this server; 0 when others do the work (with redis_url). */
  workers: s.optional(s.int(s.minValue(0), s.maxValue(16)), 1),
  max_queue: s.optional(count(10_000), 200),
  /** New builds of one client in an hour. */
  max_builds_per_client_h: s.optional(count(100_000), 500),
  /** How long a request is held in the hope that its build ends; clients give up at 15 s. */
  hold_ms: s.optional(s.int(s.minValue(0), s.maxValue(12_000)), 8_000),
  build_timeout_s: s.optional(count(86_400), 1_800),
  max_cache_bytes: s.optional(s.int(s.minValue(1_000_000)), 10_000_000_000),
  keep_results_s: s.optional(s.int(s.minValue(3_600)), 7 * 86_400),
  keep_failures_s: s.optional(count(86_400 * 7), 3_600),
  keep_defaults_s: s.optional(count(86_400 * 7), 1_800),
  /** Keys of a box's configuration that a request may bring; none: requests may bring none. */
  defaults_keys: s.optional(s.array(s.string(s.regex(/^[a-z][a-z0-9_]{0,63}$/)), s.maxLength(200)), []),
  /** The client's address is the last one in X-Forwarded-For, as a proxy on this machine writes it. */
  behind_proxy: s.optional(s.boolean(), false),
});

export type AttendedSettings = s.Output<typeof settingsSchema>;

/** @throws UpdateError CONFIG_INVALID with the key that is wrong */
export function parseAttendedSettings(json: unknown): AttendedSettings {
  const result = s.judge(settingsSchema, json, true);
  if (result.success) return result.data;
  const lines = result.complaints.map(({ path, message }) => `  attended.${path.join('.')}: ${message}`);
  throw new UpdateError('CONFIG_INVALID', `The settings of builds on demand are wrong:\n${lines.join('\n')}`);
}
