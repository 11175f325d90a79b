import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { shownUrl } from '../protocol/address.ts';
import {
  type ConfigProblem,
  describeProblem,
  isConfigKey,
  judgeConfig,
  type LoadedConfig,
  parseConfigText,
  problemWith,
} from '../protocol/config.ts';
import { type Config, type ConfigKey, configKeyNames, configKeys } from '../protocol/config-keys.ts';
import { UpdateError } from '../protocol/errors.ts';
import type { ConfigView } from '../protocol/views.ts';
import { exists, makeFolder, readIfThere, writeFileSafely } from './files.ts';
import type { Places } from './places.ts';

/** What the page may set lies over the configuration file, which stays as its owner wrote it. */
export const settingsFile = (places: Places) => join(places.state, 'settings.json');

/** The configuration as it is on the disk now. Never throws: what is wrong is in `problems`, with defaults in its place. */
export async function loadConfig(places: Places): Promise<LoadedConfig> {
  const problems: ConfigProblem[] = [];
  const read = async (path: string): Promise<unknown> => {
    const text = await readIfThere(path).catch((error: Error) => error);
    if (text === undefined && path === places.config) {
      problems.push({ key: '(file)', expected: `a configuration at ${path}`, found: 'no file' });
    }
    if (text instanceof Error) problems.push({ key: '(file)', expected: `a readable ${path}`, found: text.message });
    if (typeof text !== 'string') return {};
    const parsed = parseConfigText(text);
    if ('json' in parsed) return parsed.json;
    problems.push(parsed.problem);
    return {};
  };
  const judged = judgeConfig(await read(places.config), await read(settingsFile(places)));
  return { ...judged, problems: [...problems, ...judged.problems] };
}

export function viewConfig(places: Places, { values, sources, problems }: LoadedConfig): ConfigView {
  const keys = configKeyNames.map((key) => ({
    key,
    value: shownValue(key, values[key]),
    source: sources[key],
    default: configKeys[key].default,
    meaning: configKeys[key].meaning,
  }));
  return { path: places.config, problems, keys };
}

const shownValue = (key: ConfigKey, value: Config[ConfigKey]) =>
  configKeys[key].address && typeof value === 'string' ? shownUrl(value) : value;

/**
 * Writes one key of the configuration file; the other keys stay as they are, good or bad.
 * @param value null takes the key out where null is no value of it
 * @throws UpdateError CONFIG_INVALID
 */
export async function setConfig(places: Places, key: string, value: unknown): Promise<void> {
  const text = (await readIfThere(places.config)) ?? '{}';
  const parsed = parseConfigText(text);
  if (!('json' in parsed) || typeof parsed.json !== 'object' || parsed.json === null || Array.isArray(parsed.json)) {
    throw new UpdateError('CONFIG_INVALID', `${places.config} is not a JSON object; mend it by hand first.`);
  }
  const file = { ...parsed.json } as Record<string, unknown>;
  const problem = problemWith(key, value);
  if (problem && value === null && Object.hasOwn(file, key)) delete file[key];
  else if (problem) throw new UpdateError('CONFIG_INVALID', `${describeProblem(problem)}.`);
  else file[key] = value;
  await makeFolder(dirname(places.config));
  await writeFileSafely(places.config, `${JSON.stringify(file, null, 2)}\n`, await modeFor(places.config, file));
}

/** As its owner has it; a file with a password in it is nothing for all to read. */
async function modeFor(path: string, file: Readonly<Record<string, unknown>>): Promise<number> {
  const mode = (await exists(path)) ? (await stat(path)).mode & 0o777 : 0o644;
  const addresses = Object.keys(file).filter((key) => isConfigKey(key) && configKeys[key].address);
  return addresses.some((key) => String(file[key]).includes('@')) ? mode & 0o770 : mode;
}
