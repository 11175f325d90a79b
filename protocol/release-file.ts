import { UpdateError } from './errors.ts';
import * as s from './schema.ts';
import { isReleaseVersion, packageName, quote, signatureName } from './version.ts';

/** A release file is some hundred bytes; notes may be long, a megabyte of them is not notes. */
export const maxReleaseFileBytes = 64 * 1024;

/**
 * What a server says of its newest release (`version.json`). The four old keys are those that the updater of 2018
 * reads; the others came later and are optional, so that a hand-written file of four keys still works.
 * Nothing here is trusted: it decides what to fetch, the signature decides what to run.
 */
const releaseFileSchema = s.pipe(
  s.object({
    version: s.number(s.check(isReleaseVersion, 'expected whole seconds since the epoch, 9 to 12 digits')),
    package: s.optional(s.string()),
    signature: s.optional(s.string()),
    public_key: s.optional(s.string(s.maxLength(200))),
    size: s.optional(s.int(s.minValue(1))),
    sha256: s.optional(s.string(s.regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits'))),
    hardware: s.optional(s.array(s.string(s.maxLength(64)), s.maxLength(64))),
    notes: s.optional(s.string(s.maxLength(16_384))),
  }),
  s.forward(
    s.check(
      (file) => file.package === undefined || file.package === packageName(file.version),
      'expected opq-box-update-<version>.tar.bz2 with the version above',
    ),
    ['package'],
  ),
  s.forward(
    s.check(
      (file) => file.signature === undefined || file.signature === signatureName(file.version),
      'expected the name of the package and .sig',
    ),
    ['signature'],
  ),
);

export type ReleaseFile = s.Output<typeof releaseFileSchema>;

/**
 * Reads a release file as a server sent it.
 * @param bytes the whole file, at most `maxReleaseFileBytes`
 * @throws UpdateError NOT_OUR_SERVER (a web page), RELEASE_FILE_INVALID (anything else that is wrong)
 */
export function parseReleaseFile(bytes: Uint8Array): ReleaseFile {
  const text = decodeUtf8(bytes);
  if (/^\s*</.test(text)) {
    throw new UpdateError(
      'NOT_OUR_SERVER',
      `Expected a release file (JSON), found a web page: ${quote(text.trim(), 40)}.`,
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw invalid(`is not JSON: ${quote(text, 40)}`, cause);
  }
  const duplicate = duplicateKey(text);
  if (duplicate !== undefined) throw invalid(`has the key ${quote(duplicate)} twice`);
  const result = s.judge(releaseFileSchema, json);
  if (result.success) return result.data;
  throw invalid(s.misshapen(result));
}

/** The text of a release file: stable key order, as `version.json` is compared and cached byte by byte. */
export function formatReleaseFile(file: ReleaseFile): string {
  const { version, package: name, signature, public_key, size, sha256, hardware, notes } = file;
  return `${JSON.stringify({ version, package: name, signature, public_key, size, sha256, hardware, notes }, null, 2)}\n`;
}

function decodeUtf8(bytes: Uint8Array): string {
  if (bytes.length > maxReleaseFileBytes) throw invalid(`is longer than ${maxReleaseFileBytes} bytes`);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw invalid('is not UTF-8 text', cause);
  }
}

const invalid = (what: string, cause?: unknown) =>
  new UpdateError('RELEASE_FILE_INVALID', `The release file ${what}.`, { cause });

/**
 * The first key that the top object of valid JSON holds twice. JSON.parse keeps the last one silently, another
 * reader may keep the first: two readers must never see two releases in one file.
 */
function duplicateKey(json: string): string | undefined {
  const seen = new Set<string>();
  let depth = 0;
  // Strings (with what follows, as only keys are followed by a colon) or brackets; all else is skipped.
  for (const [token, string, colon] of json.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|[[\]{}]/g)) {
    if (string === undefined) depth += token === '{' || token === '[' ? 1 : -1;
    else if (colon !== undefined && depth === 1) {
      const key: string = JSON.parse(string);
      if (seen.has(key)) return key;
      seen.add(key);
    }
  }
  return undefined;
}
