import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isReleaseVersion,
  packageName,
  parseInstalledVersion,
  parseReleaseVersion,
  quote,
  releaseDate,
  signatureName,
  versionOfPackageName,
} from '../../protocol/version.ts';
import { errorOf } from '../support/error-of.ts';

const version = fc.integer({ min: 100_000_000, max: 999_999_999_999 });

describe('the version of a release', () => {
  it('survives being written and read, with a line end or without', () => {
    fc.assert(
      fc.property(version, fc.constantFrom('', '\n'), (n, end) => {
        expect(parseReleaseVersion(`${n}${end}`)).toBe(n);
        expect(isReleaseVersion(n)).toBe(true);
        expect(versionOfPackageName(packageName(n))).toBe(n);
        expect(versionOfPackageName(signatureName(n))).toBeUndefined();
      }),
    );
  });

  it.each([
    '',
    '\n',
    '1',
    '12345678',
    '1234567890123',
    '0123456789',
    ' 1550190683',
    '1550190683 ',
    '1550190683\r\n',
    '1550190683\n\n',
    '\n1550190683',
    '+1550190683',
    '-1550190683',
    '1550190683.0',
    '0x5c66a51b',
    '1.55e9',
    '１５５０１９０６８３',
    '1550190683\u0000',
    '1550190683\u2028',
    'opq-box-update-1550190683',
  ])('is not %j', (text) => {
    expect(errorOf(() => parseReleaseVersion(text))).toBe('VERSION_MISMATCH');
    expect(versionOfPackageName(`opq-box-update-${text}.tar.bz2`)).toBeUndefined();
  });

  it.each([
    0,
    -1,
    1,
    99_999_999,
    1e12,
    1.5e9 + 0.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '1550190683',
    null,
    [1550190683],
  ])('is not the JSON value %j', (value) => expect(isReleaseVersion(value)).toBe(false));

  it('is nothing but digits, whatever text comes', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789\n \r-+.eEx٣'), maxLength: 15 }), (text) => {
        const taken = errorOf(() => parseReleaseVersion(text)) === 'no error';
        expect(taken).toBe(/^[1-9][0-9]{8,11}\n?$/.test(text) && !text.endsWith('\n\n'));
      }),
    );
  });

  it('tells people when the release was made', () => {
    expect(releaseDate(1550190683)).toBe('2019-02-15 00:31:23 UTC');
    fc.assert(
      fc.property(version, (n) => {
        expect(releaseDate(n)).toMatch(/^\+?\d{4,6}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/);
      }),
    );
  });
});

describe('what is installed on a box', () => {
  it.each([
    ['1', 1],
    ['1\n', 1],
    [' 1550190683 \r\n', 1550190683],
    ['007', 7],
    ['0', 0],
  ])('is read from %j', (text, n) => {
    expect(parseInstalledVersion(text)).toBe(n);
  });
  it.each(['', '\n', 'x', '1 2', '-1', '1.5', '1e9', '1234567890123456', '1\u00002'])(
    'counts as unknown from %j',
    (text) => {
      expect(parseInstalledVersion(text)).toBeUndefined();
    },
  );
});

describe('text from outside in a message', () => {
  it('is one line of bounded length without control characters, whatever comes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 50 }), (text, length) => {
        const quoted = quote(text, length);
        expect(quoted).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/);
        expect(quoted.length).toBeLessThanOrEqual(6 * (length + 1) + 2);
        expect(Buffer.from(quoted).toString()).toBe(quoted);
      }),
    );
  });
});
