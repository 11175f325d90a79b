import { shownUrl, withoutLogin } from './address.ts';
import { type Config, type ConfigKey, configKeyNames, configKeys } from './config-keys.ts';
import * as s from './schema.ts';
import { quote } from './version.ts';

export type Source = 'file' | 'settings' | 'default';

/** One thing wrong with a configuration: the key, what it should be, and what it is. */
export interface ConfigProblem {
  readonly key: string;
  readonly expected: string;
  readonly found: string;
}

/** A configuration that can always be worked with: a key with a problem has its default. */
export interface LoadedConfig {
  readonly values: Config;
  readonly sources: Readonly<Record<ConfigKey, Source>>;
  /** Empty = good. Anything in here holds new updates back, and nothing else. */
  readonly problems: readonly ConfigProblem[];
}

/**
 * Judges a configuration key by key.
 * @param file the parsed configuration file
 * @param settings what the page may set, over the file; keys that the page may not set are problems
 */
export function judgeConfig(file: unknown, settings: unknown = {}): LoadedConfig {
  const problems: ConfigProblem[] = [];
  const values: Record<string, unknown> = {};
  const sources: Record<string, Source> = {};
  for (const key of configKeyNames) {
    values[key] = configKeys[key].default;
    sources[key] = 'default';
  }
  for (const [source, json] of [
    ['file', file],
    ['settings', settings],
  ] as const) {
    for (const [key, found] of entriesOf(json, source, problems)) {
      const problem = problemWith(key, found, source);
      if (problem) problems.push(problem);
      else {
        values[key] = found;
        sources[key] = source;
      }
    }
  }
  return { values: values as Config, sources: sources as Record<ConfigKey, Source>, problems };
}

/** The text of a configuration file as JSON, or the problem that says why not. */
export function parseConfigText(text: string): { json: unknown } | { problem: ConfigProblem } {
  try {
    return { json: JSON.parse(text) };
  } catch (error) {
    // Not what stands there, which may be half a password.
    const found = (error as Error).message.replace(/, (\.\.\.)?".*$/s, '');
    return { problem: { key: '(file)', expected: 'a JSON object', found } };
  }
}

/** `schedule: expected …, found …`, for people. */
export const describeProblem = ({ key, expected, found }: ConfigProblem): string =>
  `${key}: expected ${expected}, found ${found}`;

export const isConfigKey = (key: string): key is ConfigKey => Object.hasOwn(configKeys, key);

function entriesOf(json: unknown, source: Source, problems: ConfigProblem[]): [string, unknown][] {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return Object.entries(json);
  problems.push({ key: `(${source})`, expected: 'a JSON object', found: show(json) });
  return [];
}

/** What is wrong with one key and its value, or undefined. */
export function problemWith(key: string, found: unknown, source: Source = 'file'): ConfigProblem | undefined {
  if (!isConfigKey(key)) {
    return { key, expected: `one of the known keys${suggestion(key)}`, found: 'an unknown key' };
  }
  const { type, expected, page, address = false } = configKeys[key];
  if (source === 'settings' && !page) {
    return { key, expected: 'a key that the page may set', found: 'one that only the configuration file may set' };
  }
  return s.judge(type, found).success ? undefined : { key, expected, found: show(found, address) };
}

function show(value: unknown, address = false): string {
  const text = address && typeof value === 'string' ? JSON.stringify(shownUrl(value)) : withoutLogin(textOf(value));
  return quote(text).slice(1, -1).replaceAll('\\"', '"');
}

function textOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return 'a value that is nested too deep'; // what can be parsed cannot always be written
  }
}

/** The known key that looks most like a mistyped one. */
function suggestion(key: string): string {
  const letters = (text: string) => new Set(text.split(''));
  const likeness = (other: string) => {
    const [a, b] = [letters(key), letters(other)];
    return [...a].filter((letter) => b.has(letter)).length / Math.max(a.size, b.size);
  };
  const [best] = configKeyNames.map((name) => ({ name, like: likeness(name) })).sort((a, b) => b.like - a.like);
  return best && best.like >= 0.75 ? `, perhaps "${best.name}"` : '';
}
