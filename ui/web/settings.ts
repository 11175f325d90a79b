import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { UpdateError } from '../../protocol/errors.ts';

const hostName = z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$/);
const path = z.string().startsWith('/').max(4096);

/** `/etc/opq-updater/page.json`: how the page is reached. A box needs none. */
const settingsSchema = z
  .strictObject({
    /** Names beside the box's own that a browser may ask for. */
    host_names: z.array(hostName).max(32).default([]),
    /** Both, and the page speaks https; none, and it speaks http. PEM files. */
    certificate_path: path.optional(),
    key_path: path.optional(),
  })
  .refine((all) => (all.certificate_path === undefined) === (all.key_path === undefined), {
    message: 'certificate_path and key_path belong together',
  });
export type PageSettings = z.output<typeof settingsSchema>;

/** @throws UpdateError CONFIG_INVALID */
export async function readPageSettings(file: string): Promise<PageSettings> {
  try {
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '{}';
      throw error;
    });
    return settingsSchema.parse(JSON.parse(text));
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw new UpdateError('CONFIG_INVALID', `${file} is wrong: ${why}`, { cause });
  }
}
