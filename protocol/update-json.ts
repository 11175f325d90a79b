import * as z from 'zod';
import { UpdateError } from './errors.ts';
import { linksSchema } from './key-chain.ts';
import { misshapen } from './misshapen.ts';
import { updaterPathPattern, updaterVersionPattern } from './updater.ts';

/** `update.json` is read into memory before anything is unpacked. */
export const maxUpdateJsonBytes = 256 * 1024;

const absoluteFolder = z
  .string()
  .max(255)
  .regex(/^(\/[^/\u0000-\u001f\u007f\\]+)+$/, 'expected an absolute path without a slash at its end')
  .refine((path) => !path.split('/').some((part) => part === '.' || part === '..'), 'expected no . or .. in the path');

/** What a package may say of itself, below its signature: all optional, a package without it works like any other. */
const updateJsonSchema = z.strictObject({
  /** Hardware that the release fits, such as `rpi/3`; absent = any. */
  hardware: z.array(z.string().min(1).max(64)).min(1).max(64).optional(),
  /** Component name to its version. */
  components: z.record(z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/), z.string().max(64)).optional(),
  /** systemd units to stop before and to check after, beside those of the configuration. */
  services: z
    .array(z.string().regex(/^[A-Za-z0-9@_.-]{1,120}\.service$/))
    .max(32)
    .optional(),
  /** Folders that install_update.sh writes, beside the `writable_paths` of the configuration. */
  writable_paths: z.array(absoluteFolder).max(32).optional(),
  /** Release notes for people, plain text. */
  notes: z.string().max(16_384).optional(),
  /** Bytes that all files have together once unpacked, at most. */
  unpacked_bytes: z.int().nonnegative().optional(),
  /** The updater that the release brings: taken where it is newer than the one that runs. */
  updater: z
    .strictObject({
      version: z.string().regex(updaterVersionPattern, 'expected a version such as 1.3.0 or 1.3.0-rc.1'),
      /** Folder below the top folder that holds opq-updater.js and what belongs to it. */
      path: z.string().regex(updaterPathPattern, 'expected a folder of the package, such as opq-updater'),
    })
    .optional(),
  /** The publisher's keys that came and went, from the first link on: followed once the release is confirmed. */
  keys: linksSchema.optional(),
});

export type UpdateJson = z.output<typeof updateJsonSchema>;

/** The one key that the schema would pass over without a word. */
function withoutProto(key: string, value: unknown): unknown {
  if (key === '__proto__') throw new SyntaxError('__proto__ is no key of an update.json');
  return value;
}

/** @throws UpdateError ARCHIVE_REFUSED with the key that is wrong */
export function parseUpdateJson(bytes: Uint8Array): UpdateJson {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes), withoutProto);
  } catch (cause) {
    throw new UpdateError('ARCHIVE_REFUSED', 'update.json in the package is not JSON.', { cause });
  }
  const result = updateJsonSchema.safeParse(json);
  if (result.success) return result.data;
  throw new UpdateError('ARCHIVE_REFUSED', `update.json in the package ${misshapen(result.error)}.`);
}
