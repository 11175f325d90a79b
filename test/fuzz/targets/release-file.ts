import { isDeepStrictEqual } from 'node:util';
import { formatReleaseFile, maxReleaseFileBytes, parseReleaseFile } from '../../../protocol/release-file.ts';
import { anyJson, jsonWords, strictJson } from '../json.ts';
import { mutate } from '../mutate.ts';
import type { Random } from '../random.ts';
import { agree, Broken, outcome, type Target } from '../target.ts';

const version = 1550190683;
const name = `opq-box-update-${version}.tar.bz2`;
const good = { version, package: name, signature: `${name}.sig`, public_key: 'key.pem', size: 5, sha256: 'a'.repeat(64), hardware: ['rpi/3'], notes: 'new' }; // biome-ignore format: one line

/** Good ones, ones with a value exchanged, and both with broken bytes. */
function make(random: Random): Buffer {
  const file: Record<string, unknown> = { ...good };
  for (const key of Object.keys(file).slice(1)) if (random.oneIn(3)) delete file[key];
  if (random.oneIn(2)) file[random.pick([...Object.keys(good), 'other', '__proto__'])] = anyJson(random);
  if (random.oneIn(4)) file.version = random.pick([1e8, 99_999_999, 999_999_999_999, 1e12, 1550190683.5, '1550190683']);
  const bytes = Buffer.from(random.oneIn(2) ? JSON.stringify(file) : JSON.stringify(file, null, 2));
  return random.oneIn(3) ? bytes : mutate(bytes, random, jsonWords);
}

/** The rules once more, by hand. */
function isRight(bytes: Buffer): boolean {
  if (bytes.length > maxReleaseFileBytes) return false;
  const json = strictJson(bytes, { bom: false });
  if (!json || json.twice || !(json.value instanceof Map)) return false;
  const key = (of: string) => (json.value as Map<string, unknown>).get(of);
  const text = (of: string, test: (value: string) => boolean) => {
    const value = key(of);
    return value === undefined || (typeof value === 'string' && test(value));
  };
  const v = key('version');
  const hardware = key('hardware');
  const size = key('size');
  return (
    Number.isInteger(v) &&
    Number(v) >= 1e8 &&
    Number(v) < 1e12 &&
    text('package', (value) => value === `opq-box-update-${v}.tar.bz2`) &&
    text('signature', (value) => value === `opq-box-update-${v}.tar.bz2.sig`) &&
    text('public_key', (value) => value.length <= 200) &&
    text('sha256', (value) => value.length === 64 && [...value].every((digit) => '0123456789abcdef'.includes(digit))) &&
    text('notes', (value) => value.length <= 16_384) &&
    (size === undefined || (Number.isSafeInteger(size) && Number(size) > 0)) &&
    (hardware === undefined ||
      (Array.isArray(hardware) &&
        hardware.length <= 64 &&
        hardware.every((one) => typeof one === 'string' && one.length <= 64)))
  );
}

export const releaseFile: Target = {
  name: 'release-file',
  cases: 100_000,
  sideBySide: 1,
  open: async () => ({
    make,
    judge(input) {
      const found = outcome(() => parseReleaseFile(input));
      agree('value' in found, isRight(input));
      if ('code' in found) return found.code;
      if (!isDeepStrictEqual(parseReleaseFile(Buffer.from(formatReleaseFile(found.value))), found.value)) {
        throw new Broken('Written and read again it is another one.');
      }
      return 'accepted';
    },
    close: async () => {},
  }),
};
