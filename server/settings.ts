import { constants } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { UpdateError } from '../protocol/errors.ts';
import * as s from '../protocol/schema.ts';
import { quote } from '../protocol/version.ts';

/** The variable of the old Box Update Server: its value is the settings themselves, as JSON text. */
export const settingsVariable = 'BOX_UPDATE_SERVER_SETTINGS';

const example = '{"port":8151,"updates_dir":"/var/opq/updates"}';

/** Every setting: what it may be, in code and in words. */
const keys = {
  port: {
    schema: s.int(s.minValue(0), s.maxValue(65_535)),
    expected: 'a whole number from 0 to 65535 (0: any free port)',
  },
  updates_dir: { schema: s.string(s.minLength(1)), expected: 'the path of the folder with the packages' },
  host: { schema: s.optional(s.string(s.minLength(1))), expected: 'an address to listen on, such as "127.0.0.1"' },
  metrics: {
    schema: s.optional(
      s.strictObject({
        port: s.int(s.minValue(0), s.maxValue(65_535)),
        host: s.optional(s.string(s.minLength(1)), '127.0.0.1'),
      }),
    ),
    expected: 'an object such as {"port":9151}, with "host" when other machines may read: see docs/server.md',
  },
  attended: { schema: s.optional(s.record(s.string(), s.unknown())), expected: 'an object: see docs/attended.md' },
} as const;

const settingsSchema = s.strictObject({
  port: keys.port.schema,
  updates_dir: keys.updates_dir.schema,
  /** Absent: every address of the machine, IPv6 and IPv4. */
  host: keys.host.schema,
  /** Where the metrics are read; absent: nothing is counted. */
  metrics: keys.metrics.schema,
  /** Absent: no builds on demand, and none of their code is loaded. Judged by that code. */
  attended: keys.attended.schema,
});

export type Settings = s.Output<typeof settingsSchema>;

/**
 * The settings from `file` if one is given, else from `text` (the value of the variable), with a folder that is there.
 * @throws UpdateError CONFIG_INVALID (no settings or wrong ones), NOT_FOUND (file or folder missing or not readable)
 */
export async function loadSettings(text: string | undefined, file: string | undefined): Promise<Settings> {
  const settings =
    file === undefined ? parseSettings(text ?? '', settingsVariable) : parseSettings(await read(file), file);
  await checkFolder(settings.updates_dir);
  return settings;
}

/** @param source names where the text came from, for the message */
export function parseSettings(text: string, source: string): Settings {
  if (text.trim() === '') {
    throw invalid(
      `${source} is empty or not set: no settings. Give --settings FILE, or ${settingsVariable}='${example}'.`,
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw invalid(`${source} should hold JSON such as ${example}, found ${quote(text)}.`, cause);
  }
  const result = s.judge(settingsSchema, json, true);
  if (result.success) return result.data;
  throw invalid(`${source} is wrong:\n${result.complaints.map((complaint) => lineOf(complaint, json)).join('\n')}`);
}

function lineOf({ path: [key, ...deeper], unknownKey }: s.Complaint, json: unknown): string {
  if (key === undefined) return `  it should be an object such as ${example}, found ${quote(JSON.stringify(json))}`;
  if (unknownKey && deeper.length === 0) {
    return `  ${quote(key)} is not a setting; the settings are ${Object.keys(keys).join(', ')}`;
  }
  const found = (json as Record<string, unknown>)[key];
  const { expected } = keys[key as keyof typeof keys];
  return `  ${key} should be ${expected}, found ${found === undefined ? 'nothing' : JSON.stringify(found)}`;
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new UpdateError('NOT_FOUND', `The settings file ${quote(file, 200)} cannot be read: ${codeOf(cause)}.`, {
      cause,
    });
  }
}

async function checkFolder(dir: string): Promise<void> {
  const todo = 'Make the folder, let this user read it, or mend updates_dir.';
  try {
    if ((await stat(dir)).isDirectory()) return await access(dir, constants.R_OK | constants.X_OK);
  } catch (cause) {
    throw new UpdateError('NOT_FOUND', `updates_dir ${quote(dir, 200)} cannot be read: ${codeOf(cause)}. ${todo}`, {
      cause,
    });
  }
  throw new UpdateError(
    'NOT_FOUND',
    `updates_dir ${quote(dir, 200)} should be a folder, found something else. ${todo}`,
  );
}

const codeOf = (cause: unknown): string => (cause as NodeJS.ErrnoException).code ?? String(cause);

const invalid = (message: string, cause?: unknown) => new UpdateError('CONFIG_INVALID', message, { cause });
