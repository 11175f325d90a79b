import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type ConfigProblem,
  describeProblem,
  judgeConfig,
  type LoadedConfig,
  parseConfigText,
  problemWith,
} from '../protocol/config.ts';
import { configKeyNames, configKeys } from '../protocol/config-keys.ts';
import { UpdateError } from '../protocol/errors.ts';
import type { ConfigView } from '../protocol/views.ts';
import { readIfThere, writeFileSafely } from './files.ts';
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
    value: values[key],
    source: sources[key],
    default: configKeys[key].default,
    meaning: configKeys[key].meaning,
  }));
  return { path: places.config, problems, keys };
}

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
  await mkdir(dirname(places.config), { recursive: true });
  await writeFileSafely(places.config, `${JSON.stringify(file, null, 2)}\n`, 0o644);
}
