import { isDeepStrictEqual } from 'node:util';
import { describeProblem, isConfigKey, judgeConfig, parseConfigText } from '../../../protocol/config.ts';
import { type ConfigKey, configKeyNames, configKeys } from '../../../protocol/config-keys.ts';
import { anyJson, jsonWords, strictJson } from '../json.ts';
import { mutate } from '../mutate.ts';
import type { Random } from '../random.ts';
import { agree, Broken, type Target } from '../target.ts';

const texts = ['/', '/a', '/a/../b', '/a\n', 'https://box.example/', 'http://', 'http:// x/', 'ftp://x', '* * * * *', '0 0 31 2 *', '61 * * * *', '23:59-00:00', '24:00-01:00', 'a.service', '../a.service']; // biome-ignore format: one line

function make(random: Random): Buffer {
  const file: Record<string, unknown> = { server_url: 'https://box.example/' };
  for (let n = random.below(8); n > 0; n--) {
    const key = random.oneIn(8)
      ? random.pick(['other', '__proto__', 'toString', 'shedule'])
      : random.pick(configKeyNames);
    const values = [configKeys[key as ConfigKey]?.default ?? null, random.pick(texts), [random.pick(texts)], random.below(2 ** 31), anyJson(random)]; // biome-ignore format: one line
    Object.defineProperty(file, key, { value: random.pick(values), enumerable: true, configurable: true });
  }
  const bytes = Buffer.from(JSON.stringify(file));
  return random.oneIn(2) ? bytes : mutate(bytes, random, jsonWords);
}

const isPlain = (value: unknown) => typeof value === 'string' && ![...value].some((letter) => letter < ' ');
const isPath = (value: unknown) =>
  isPlain(value) && String(value).startsWith('/') && !/(^|\/)\.\.?(\/|$)|\/\//.test(String(value));

/** What must hold of any value that gets through, by what would go wrong otherwise. */
function mustBeSafe(key: ConfigKey, value: unknown): void {
  const paths = key.endsWith('_path') || key.endsWith('_dir') ? [value] : key.endsWith('_paths') ? (value as []) : [];
  for (const path of paths) if (path !== null && !isPath(path)) throw new Broken(`${key} got ${JSON.stringify(path)}`);
  if (key.endsWith('_url') && value !== null && !/^https?:$/.test(new URL(String(value)).protocol))
    throw new Broken(`${key} got ${value}`);
  if (typeof value === 'number' && !(Number.isSafeInteger(value) && value >= 0))
    throw new Broken(`${key} got ${value}`);
  if (key === 'services' && (value as string[]).some((name) => name.includes('/') || !name.endsWith('.service')))
    throw new Broken(`services got ${value}`);
}

export const config: Target = {
  name: 'configuration',
  cases: 100_000,
  sideBySide: 1,
  open: async () => ({
    make,
    judge(input) {
      const text = input.toString('utf8');
      const parsed = parseConfigText(text);
      // A file that is not UTF-8 is read with marks in its place: only whole text can be compared.
      if (Buffer.from(text).equals(input)) agree('json' in parsed, strictJson(input, { bom: false }) !== undefined);
      if ('problem' in parsed) return describeProblem(parsed.problem) && 'not JSON';
      const { values, sources, problems } = judgeConfig(parsed.json);
      for (const problem of problems) describeProblem(problem);
      for (const key of configKeyNames) {
        const given = sources[key] === 'file' ? (parsed.json as Record<string, unknown>)[key] : configKeys[key].default;
        if (!isDeepStrictEqual(values[key], given))
          throw new Broken(`${key} is neither what was given nor its default.`);
        mustBeSafe(key, values[key]);
        const isProblem = problems.some((problem) => problem.key === key);
        // A key that must be set and is set to null is both.
        if (isProblem && sources[key] === 'file' && values[key] !== null)
          throw new Broken(`${key} has a problem and was taken.`);
      }
      const keys = Object.keys(Object(parsed.json));
      const unknown = Array.isArray(parsed.json) ? [] : keys.filter((key) => !isConfigKey(key));
      if (typeof parsed.json === 'object' && unknown.some((key) => !problems.some((problem) => problem.key === key)))
        throw new Broken('An unknown key was passed over.');
      return problems.length === 0 ? 'accepted' : 'problems';
    },
    close: async () => {},
  }),
};
