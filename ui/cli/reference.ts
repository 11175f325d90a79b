import { configKeyNames, configKeys } from '../../protocol/config-keys.ts';
import type { Call } from './arguments.ts';

/** The reference page of the configuration, as Markdown: docs/configuration.md is its output. */
export async function reference({ screen }: Call): Promise<number> {
  if (screen.json) {
    screen.document(configKeyNames.map((key) => ({ key, ...about(key) })));
    return 0;
  }
  screen.line('# The configuration');
  screen.line('');
  screen.line(
    '`/etc/opq/updater_config.json` is one JSON object. Made by `npm run docs` from the schema that the daemon uses.',
  );
  screen.line(
    'A key that is left out has its default. A wrong one holds new updates back until it is mended, and nothing else:',
  );
  screen.line(
    '`opq-updater config check` names it. So does one that this version does not know: a fleet gets a new key once every',
  );
  screen.line(
    'box runs the updater that brought it. `sudo opq-updater config set KEY VALUE` writes one key. Keys marked *page* may',
  );
  screen.line('also be set on the page, over this file.');
  for (const key of configKeyNames) {
    const row = about(key);
    screen.line('');
    screen.line(`## ${key}`);
    screen.line('');
    screen.line(row.meaning);
    screen.line('');
    screen.line(`- Expected: ${row.expected}${row.page ? ' (*page*)' : ''}`);
    screen.line(`- Default: \`${JSON.stringify(row.default)}\``);
  }
  return 0;
}

function about(key: (typeof configKeyNames)[number]) {
  const row: { default: unknown; expected: string; meaning: string; page?: boolean } = configKeys[key];
  const { expected, meaning, page = false } = row;
  return { expected, default: row.default, meaning, page };
}
