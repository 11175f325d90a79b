import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UpdateError } from '../../protocol/errors.ts';
import {
  formatReleaseFile,
  maxReleaseFileBytes,
  parseReleaseFile,
  type ReleaseFile,
} from '../../protocol/release-file.ts';
import { isReleaseVersion, packageName, signatureName } from '../../protocol/version.ts';
import { errorOf } from '../support/error-of.ts';

const parse = (text: string) => parseReleaseFile(Buffer.from(text));
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

describe('a release file', () => {
  it('of four old keys is enough, and so is the version alone', () => {
    const old = {
      version: 1550190683,
      package: packageName(1550190683),
      signature: signatureName(1550190683),
      public_key: 'public_key.pem',
    };
    expect(parse(JSON.stringify(old))).toEqual(old);
    expect(parse('{"version":1550190683}')).toEqual({ version: 1550190683 });
  });

  it('survives being written and read', () => {
    const file = fc.integer({ min: 100_000_000, max: 999_999_999_999 }).chain((version) =>
      fc.record({
        version: fc.constant(version),
        package: fc.constant(packageName(version)),
        signature: fc.constant(signatureName(version)),
        public_key: fc.constant('public_key.pem'),
        size: optional(fc.integer({ min: 1 })),
        sha256: optional(fc.stringMatching(/^[0-9a-f]{64}$/)),
        hardware: optional(fc.array(fc.string({ maxLength: 64 }), { maxLength: 8 })),
        notes: optional(fc.string({ unit: 'grapheme', maxLength: 200 })),
      }),
    );
    fc.assert(
      fc.property(file, (value) => {
        const defined = Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined));
        expect(parse(formatReleaseFile(value as ReleaseFile))).toEqual(defined);
      }),
    );
  });

  it('may hold keys of later years', () => {
    expect(parse('{"version":1550190683,"delta":{"from":1}}')).toEqual({ version: 1550190683 });
  });

  it.each([
    ['is empty', ''],
    ['is not JSON', 'version: 1550190683'],
    ['begins with a byte order mark', '\ufeff{"version":1550190683}'],
    ['is an array', '[{"version":1550190683}]'],
    ['is null', 'null'],
    ['is a number', '1550190683'],
    ['has no version', '{}'],
    ['has its version as text', '{"version":"1550190683"}'],
    ['has a version in hexadecimal text', '{"version":"0x1F"}'],
    ['has a version with blanks', '{"version":" 12 "}'],
    ['has a fraction', '{"version":1550190683.5}'],
    ['has a negative version', '{"version":-1550190683}'],
    ['has version 0', '{"version":0}'],
    ['has version 1e400', '{"version":1e400}'],
    ['has version 2^53+1', '{"version":9007199254740993}'],
    ['names its version twice', '{"version":1550190683,"version":1550190684}'],
    ['names its version twice, once in escapes', '{"version":1550190683,"versio\\u006e":1550190684}'],
    ['has the version below __proto__', '{"__proto__":{"version":1550190683}}'],
    ['names the package of another release', `{"version":1550190683,"package":"${packageName(1550190684)}"}`],
    ['names a package elsewhere', '{"version":1550190683,"package":"../opq-box-update-1550190683.tar.bz2"}'],
    ['names a package by URL', '{"version":1550190683,"package":"http://evil/opq-box-update-1550190683.tar.bz2"}'],
    ['names the signature of another release', `{"version":1550190683,"signature":"${signatureName(1550190684)}"}`],
    ['has a size of 0', '{"version":1550190683,"size":0}'],
    ['has a short checksum', '{"version":1550190683,"sha256":"abc"}'],
    ['has hardware that is no list', '{"version":1550190683,"hardware":"rpi"}'],
    ['has notes of 20,000 letters', JSON.stringify({ version: 1550190683, notes: 'x'.repeat(20_000) })],
    ['is 64 KiB of brackets', '['.repeat(maxReleaseFileBytes)],
    ['is 10 MB long', '['.repeat(10_000_000)],
  ])('is refused when it %s', (_, text) => {
    expect(errorOf(() => parse(text))).toBe('RELEASE_FILE_INVALID');
  });

  it('is refused when it is not UTF-8', () => {
    expect(errorOf(() => parseReleaseFile(Buffer.from([0x7b, 0xff, 0x7d])))).toBe('RELEASE_FILE_INVALID');
  });

  it('is told apart from the log-in page of a Wi-Fi', () => {
    expect(errorOf(() => parse('\r\n <!DOCTYPE html><html>Log in</html>'))).toBe('NOT_OUR_SERVER');
  });

  it('lets a key repeat in the notes or deeper down', () => {
    const notes = '{"version":1,"version":2} \\" {';
    expect(parse(JSON.stringify({ version: 1550190683, notes })).notes).toBe(notes);
    expect(parse('{"version":1550190683,"x":{"version":1},"y":[{"x":1},{"x":2}]}').version).toBe(1550190683);
  });

  it('leads to a version that counts or to a code, whatever JSON comes', () => {
    const value = fc.oneof(fc.constantFrom(1550190683, -1, 1.5, '1', null, [], {}), fc.json());
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc
            .dictionary(fc.constantFrom('version', 'package', 'size', 'notes', '__proto__'), value)
            .map((o) => JSON.stringify(o)),
        ),
        (text) => {
          try {
            expect(isReleaseVersion(parse(text).version)).toBe(true);
          } catch (error) {
            if (!(error instanceof UpdateError)) throw error;
          }
        },
      ),
    );
  });
});
