import { shownUrl } from '../protocol/address.ts';
import type { SettingsView } from '../protocol/box-views.ts';
import { describeProblem, type LoadedConfig, parseConfigText, problemWith } from '../protocol/config.ts';
import { configKeys } from '../protocol/config-keys.ts';
import { UpdateError } from '../protocol/errors.ts';
import { type Input, pageSettings } from '../protocol/operations.ts';
import { readIfReadable, writeFileSafely } from './files.ts';
import { settingsFile } from './load-config.ts';
import type { Places } from './places.ts';

/** What a person may set on the page, as it is now. */
export function viewSettings({ values, sources }: LoadedConfig): SettingsView {
  const rows = pageSettings.map((key) => {
    const { expected, meaning } = configKeys[key];
    return [key, { value: values[key], source: sources[key], expected, meaning }];
  });
  return {
    settings: Object.fromEntries(rows) as SettingsView['settings'],
    server_url: values.server_url && shownUrl(values.server_url),
  };
}

/**
 * Writes what the page sets, over the configuration file; all of it or nothing.
 * @throws UpdateError CONFIG_INVALID
 */
export async function setSettings(places: Places, { reset, ...wished }: Input<'settings_set'>): Promise<void> {
  const settings = await readSettings(places);
  for (const key of reset) delete settings[key];
  for (const [key, value] of Object.entries(wished)) {
    const problem = problemWith(key, value, 'settings');
    if (problem) throw new UpdateError('CONFIG_INVALID', `${describeProblem(problem)}.`);
    settings[key] = value;
  }
  await writeFileSafely(settingsFile(places), `${JSON.stringify(settings, null, 2)}\n`);
}

/** One that cannot be read begins anew: the page has no other way to mend it. */
async function readSettings(places: Places): Promise<Record<string, unknown>> {
  const parsed = parseConfigText((await readIfReadable(settingsFile(places))) ?? '{}');
  const json = 'json' in parsed ? parsed.json : {};
  return typeof json === 'object' && json !== null && !Array.isArray(json) ? { ...json } : {};
}
