import { join } from 'node:path';
import {
  type ConfigProblem,
  describeProblem,
  isConfigKey,
  judgeConfig,
  parseConfigText,
  problemWith,
} from '../../protocol/config.ts';
import { configKeyNames } from '../../protocol/config-keys.ts';
import { UpdateError } from '../../protocol/errors.ts';
import type { Input } from '../../protocol/operations.ts';
import type { ConfigView } from '../../protocol/views.ts';
import type { Call } from './arguments.ts';
import { readNamedFile } from './reading.ts';
import { type Screen, styled } from './screen.ts';

/** Judges a configuration file key by key, without a daemon: 0 when it is good, 2 when it has problems. */
export async function check({ screen, root, positionals }: Call): Promise<number> {
  const path = positionals[0] ?? join(root, 'etc/opq/updater_config.json');
  const parsed = parseConfigText(await readNamedFile(path));
  const problems = 'problem' in parsed ? [parsed.problem] : judgeConfig(parsed.json).problems;
  const keys = 'json' in parsed && typeof parsed.json === 'object' ? Object.keys(parsed.json ?? {}) : [];
  if (screen.json) screen.document({ path, problems });
  else {
    for (const key of keys)
      if (!problems.some((problem) => problem.key === key)) screen.line(styled('green', 'ok     '), ' ', key);
    showProblems(screen, problems);
    const also = configKeyNames.length - keys.filter(isConfigKey).length;
    screen.line(
      problems.length > 0
        ? `${path} is not good (${problems.length} wrong).`
        : `${path} is good; ${also} keys are at their defaults.`,
    );
  }
  return problems.length > 0 ? 2 : 0;
}

/** Every key with its value, where that comes from, its default and its meaning, as the daemon has it. */
export async function show({ screen, daemon }: Call): Promise<number> {
  const view = await daemon.ask('config', {});
  if (screen.json) screen.document(view);
  else {
    for (const { key, value, source, default: byDefault, meaning } of view.keys) {
      screen.line(
        styled('bold', key),
        ' = ',
        JSON.stringify(value),
        styled('dim', `  (${sourceText(source, byDefault)})`),
      );
      screen.line('    ', meaning);
    }
    showProblems(screen, view.problems);
    screen.line(`File: ${view.path}`);
  }
  return 0;
}

/** Writes one key of the configuration file; VALUE is JSON, and text that is no JSON is taken as it is. */
export async function set({ screen, daemon, positionals }: Call): Promise<number> {
  const [key, text] = positionals as [string, string];
  const value = valueFrom(key, text);
  // null takes a key out of the file; whether it may go is for the daemon to say.
  const problem = value === null && isConfigKey(key) ? undefined : problemWith(key, value);
  if (problem) throw new UpdateError('CONFIG_INVALID', `${describeProblem(problem)}; nothing was changed.`);
  const view = await daemon.ask('config_set', { key, value });
  if (screen.json) screen.document(view);
  else {
    const now = view.keys.find((row) => row.key === key);
    screen.line(
      styled('bold', key),
      ' = ',
      JSON.stringify(now?.value ?? null),
      styled('dim', `  (${now?.source ?? 'file'})`),
    );
    showProblems(screen, view.problems);
  }
  return 0;
}

type Json = Input<'config_set'>['value'];

/** `1e3` may be a number or a name: JSON first, but as text where only that fits the key. */
function valueFrom(key: string, text: string): Json {
  try {
    const value: Json = JSON.parse(text);
    return problemWith(key, value) && !problemWith(key, text) ? text : value;
  } catch {
    // Not JSON, so it is text: `config set server_url http://…` needs no quotes.
    return text;
  }
}

const sourceText = (source: ConfigView['keys'][number]['source'], byDefault: unknown): string =>
  source === 'default' ? 'default' : `${source}; default ${JSON.stringify(byDefault)}`;

function showProblems(screen: Screen, problems: readonly ConfigProblem[]): void {
  for (const problem of problems) screen.line(styled('red', 'problem'), ' ', describeProblem(problem));
}
