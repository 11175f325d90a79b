import { UpdateError } from './errors.ts';
import { linksSchema } from './key-chain.ts';
import * as s from './schema.ts';
import { unitName } from './unit-name.ts';
import { updaterPathPattern, updaterVersionPattern } from './updater.ts';

/** `update.json` is read into memory before anything is unpacked. */
export const maxUpdateJsonBytes = 256 * 1024;

const absoluteFolder = s.string(
  s.maxLength(255),
  s.regex(/^(\/[^/\u0000-\u001f\u007f\\]+)+$/, 'expected an absolute path without a slash at its end'),
  s.check((path) => !path.split('/').some((part) => part === '.' || part === '..'), 'expected no . or .. in the path'),
);

/** What a package may say of itself, below its signature: all optional, a package without it works like any other. */
const updateJsonSchema = s.strictObject({
  /** Hardware that the release fits, such as `rpi/3`; absent = any. */
  hardware: s.optional(s.array(s.string(s.minLength(1), s.maxLength(64)), s.minLength(1), s.maxLength(64))),
  /** Component name to its version. */
  components: s.optional(s.record(s.string(s.regex(/^[a-z0-9][a-z0-9-]{0,63}$/)), s.string(s.maxLength(64)))),
  /** systemd units to stop before and to check after, beside those of the configuration. */
  services: s.optional(s.array(unitName, s.maxLength(32))),
  /** Folders that install_update.sh writes, beside the `writable_paths` of the configuration. */
  writable_paths: s.optional(s.array(absoluteFolder, s.maxLength(32))),
  /** Release notes for people, plain text. */
  notes: s.optional(s.string(s.maxLength(16_384))),
  /** Bytes that all files have together once unpacked, at most. */
  unpacked_bytes: s.optional(s.int(s.minValue(0))),
  /** The updater that the release brings: taken where it is newer than the one that runs. */
  updater: s.optional(
    s.strictObject({
      version: s.string(s.regex(updaterVersionPattern, 'expected a version such as 1.3.0 or 1.3.0-rc.1')),
      /** Folder below the top folder that holds opq-updater.js and what belongs to it. */
      path: s.string(s.regex(updaterPathPattern, 'expected a folder of the package, such as opq-updater')),
    }),
  ),
  /** The publisher's keys that came and went, from the first link on: followed once the release is confirmed. */
  keys: s.optional(linksSchema),
});

export type UpdateJson = s.Output<typeof updateJsonSchema>;

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
  const result = s.judge(updateJsonSchema, json);
  if (result.success) return result.data;
  throw new UpdateError('ARCHIVE_REFUSED', `update.json in the package ${s.misshapen(result)}.`);
}
