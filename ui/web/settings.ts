import { readFile } from 'node:fs/promises';
import { UpdateError } from '../../protocol/errors.ts';
import * as s from '../../protocol/schema.ts';

const hostName = s.string(s.regex(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$/));
const path = s.string(s.startsWith('/'), s.maxLength(4096));

/** `/etc/opq-updater/page.json`: how the page is reached. A box needs none. */
const settingsSchema = s.pipe(
  s.strictObject({
    /** Names beside the box's own that a browser may ask for. */
    host_names: s.optional(s.array(hostName, s.maxLength(32)), []),
    /** Both, and the page speaks https; none, and it speaks http. PEM files. */
    certificate_path: s.optional(path),
    key_path: s.optional(path),
  }),
  s.check(
    (all) => (all.certificate_path === undefined) === (all.key_path === undefined),
    'certificate_path and key_path belong together',
  ),
);
export type PageSettings = s.Output<typeof settingsSchema>;

/** @throws UpdateError CONFIG_INVALID */
export async function readPageSettings(file: string): Promise<PageSettings> {
  try {
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '{}';
      throw error;
    });
    return s.parse(settingsSchema, JSON.parse(text));
  } catch (cause) {
    throw new UpdateError('CONFIG_INVALID', `${file}: ${(cause as Error).message}.`, { cause });
  }
}
