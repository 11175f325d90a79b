import * as z from 'zod';
import { UpdateError } from '../../protocol/errors.ts';

const path = z.string().min(1);
const count = (max: number) => z.int().min(1).max(max);

/** The settings below "attended": builds on demand. Without them the server has none of it. */
const settingsSchema = z.strictObject({
  /** The component store, as "opq-release component" makes it; only read. */
  store_dir: path,
  /** What is built, and what waits to be built; the server and its workers write here. */
  cache_dir: path,
  /** Private key that signs images: a builder's, never the key of releases. */
  builder_key_path: path,
  /** Public key of releases, which the component index has to be signed with. */
  index_key_path: path,
  /** Address of this server as clients see it, without a slash at its end; by default as the request names it. */
  public_url: z
    .string()
    .regex(/^https?:\/\/[^\s/?#]+(\/[^\s?#]+)*$/)
    .max(120)
    .optional(),
  /** With it the queue is BullMQ on this server, and workers are programs of their own. */
  redis_url: z
    .string()
    .regex(/^(rediss?|unix):\/\/\S+$/)
    .optional(),
  /** Builders beside this server; 0 when others do the work (with redis_url). */
  workers: z.int().min(0).max(16).default(1),
  max_queue: count(10_000).default(200),
  /** New builds of one client in an hour. */
  max_builds_per_client_h: count(100_000).default(500),
  /** How long a request is held in the hope that its build ends; clients give up at 15 s. */
  hold_ms: z.int().min(0).max(12_000).default(8_000),
  build_timeout_s: count(86_400).default(1_800),
  max_cache_bytes: z.int().min(1_000_000).default(10_000_000_000),
  keep_results_s: z
    .int()
    .min(3_600)
    .default(7 * 86_400),
  keep_failures_s: count(86_400 * 7).default(3_600),
  keep_defaults_s: count(86_400 * 7).default(1_800),
  /** Keys of a box's configuration that a request may bring; none: requests may bring none. */
  defaults_keys: z
    .array(z.string().regex(/^[a-z][a-z0-9_]{0,63}$/))
    .max(200)
    .default([]),
  /** The client's address is the last one in X-Forwarded-For, as a proxy on this machine writes it. */
  behind_proxy: z.boolean().default(false),
});

export type AttendedSettings = z.output<typeof settingsSchema>;

/** @throws UpdateError CONFIG_INVALID with the key that is wrong */
export function parseAttendedSettings(json: unknown): AttendedSettings {
  const result = settingsSchema.safeParse(json);
  if (result.success) return result.data;
  const lines = result.error.issues.map(({ path, message }) => `  attended.${path.join('.')}: ${message}`);
  throw new UpdateError('CONFIG_INVALID', `The settings of builds on demand are wrong:\n${lines.join('\n')}`);
}
