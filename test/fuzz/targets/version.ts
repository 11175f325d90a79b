import { parseInstalledVersion, parseReleaseVersion, versionOfPackageName } from '../../../protocol/version.ts';
import { mutate } from '../mutate.ts';
import type { Random } from '../random.ts';
import { agree, Broken, outcome, type Target } from '../target.ts';

const samples = ['1', '1550190683', '1550190683\n', ' 1550190683 \r\n', '0', '999999999999', 'opq-box-update-1550190683.tar.bz2']; // biome-ignore format: one line
const words = [
  '\n',
  '\r',
  '\0',
  ' ',
  '+',
  '-',
  '.',
  '0',
  '0x',
  'e',
  '\u0661',
  '\uff11',
  '\u00a0',
  '\ufeff',
  '123456789',
];

const make = (random: Random): Buffer => {
  const sample = Buffer.from(random.pick(samples));
  return random.oneIn(8) ? sample : mutate(sample, random, words);
};

const isDigits = (text: string, least: number, most: number) =>
  text.length >= least && text.length <= most && [...text].every((digit) => digit >= '0' && digit <= '9');
const isRelease = (text: string) => isDigits(text, 9, 12) && text[0] !== '0';

export const version: Target = {
  name: 'VERSION',
  cases: 100_000,
  sideBySide: 1,
  open: async () => ({
    make,
    judge(input) {
      const text = input.toString('latin1');
      const release = outcome(() => parseReleaseVersion(text));
      const digits = text.endsWith('\n') ? text.slice(0, -1) : text;
      agree('value' in release, isRelease(digits));
      if ('value' in release && String(release.value) !== digits) throw new Broken('Another number came out.');

      const installed = parseInstalledVersion(text);
      const trimmed = text.trim();
      agree(installed !== undefined, isDigits(trimmed, 1, 15));
      if (installed !== undefined && installed !== Number(BigInt(trimmed)))
        throw new Broken('Another number came out.');

      const named = versionOfPackageName(text);
      const middle = text.slice('opq-box-update-'.length, -'.tar.bz2'.length);
      agree(named !== undefined, text === `opq-box-update-${middle}.tar.bz2` && isRelease(middle));
      return 'value' in release || installed !== undefined || named !== undefined ? 'accepted' : 'refused';
    },
    close: async () => {},
  }),
};
