import { parseUpdateJson } from '../../../protocol/update-json.ts';
import { anyJson, jsonWords, strictJson } from '../json.ts';
import { mutate } from '../mutate.ts';
import type { Random } from '../random.ts';
import { agree, outcome, type Target } from '../target.ts';

const good = { hardware: ['rpi/3'], components: { core: '1.2' }, services: ['a@1.service'], writable_paths: ['/opt/a', '/a'], notes: 'n', unpacked_bytes: 7 }; // biome-ignore format: one line
const paths = ['/', '/a/', '/a//b', '/a/../b', '/a/./b', 'a', '/a\\b', '/a\n', '/...', '/a b', `/${'x'.repeat(255)}`];

function make(random: Random): Buffer {
  const file: Record<string, unknown> = { ...good };
  for (const key of Object.keys(file)) if (random.oneIn(3)) delete file[key];
  if (random.oneIn(3)) file.writable_paths = [random.pick(paths)];
  if (random.oneIn(2)) file[random.pick([...Object.keys(good), 'other', 'constructor'])] = anyJson(random);
  const bytes = Buffer.from(JSON.stringify(file));
  return random.oneIn(3) ? bytes : mutate(bytes, random, [...jsonWords, ...paths]);
}

const isText = (value: unknown, most: number, least = 0): value is string =>
  typeof value === 'string' && value.length >= least && value.length <= most;
const isList = (value: unknown, most: number, test: (one: unknown) => boolean) =>
  Array.isArray(value) && value.length <= most && value.every(test);
const consistsOf = (text: string, letters: string) => [...text].every((letter) => letters.includes(letter));

const lower = 'abcdefghijklmnopqrstuvwxyz';
const digits = '0123456789';
const unitLetters = `${lower}${lower.toUpperCase()}${digits}@_.-`;

function isFolder(value: unknown): boolean {
  if (!isText(value, 255, 2) || value[0] !== '/') return false;
  if ([...value].some((letter) => letter < ' ' || letter === '\x7f' || letter === '\\')) return false;
  return value
    .slice(1)
    .split('/')
    .every((part) => part !== '' && part !== '.' && part !== '..');
}

/** The rules once more, by hand; no other key may be there. */
const rules: Readonly<Record<string, (value: unknown) => boolean>> = {
  hardware: (value) => isList(value, 64, (one) => isText(one, 64, 1)) && (value as []).length > 0,
  components: (value) =>
    value instanceof Map &&
    [...value].every(
      ([key, one]) => isText(key, 64, 1) && key[0] !== '-' && consistsOf(key, `${lower}${digits}-`) && isText(one, 64),
    ),
  services: (value) =>
    isList(value, 32, (one) => {
      if (typeof one !== 'string' || !one.endsWith('.service')) return false;
      return isText(one.slice(0, -8), 120, 1) && consistsOf(one, unitLetters);
    }),
  writable_paths: (value) => isList(value, 32, isFolder),
  notes: (value) => isText(value, 16_384),
  unpacked_bytes: (value) => Number.isSafeInteger(value) && Number(value) >= 0,
};

function isRight(bytes: Buffer): boolean {
  const json = strictJson(bytes, { bom: true });
  if (!(json?.value instanceof Map)) return false;
  return [...json.value].every(([key, value]) => Object.hasOwn(rules, key) && rules[key]!(value));
}

export const updateJson: Target = {
  name: 'update.json',
  cases: 100_000,
  sideBySide: 1,
  open: async () => ({
    make,
    judge(input) {
      const found = outcome(() => parseUpdateJson(input));
      agree('value' in found, isRight(input));
      return 'code' in found ? found.code : 'accepted';
    },
    close: async () => {},
  }),
};
