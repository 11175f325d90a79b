import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import * as s from '../../protocol/schema.ts';

/** Replaces a small file of our own, whole or not at all. */
export async function writeState(path: string, value: unknown): Promise<void> {
  const temporary = `${path}.${randomUUID().slice(0, 8)}.new`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(JSON.stringify(value));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Undefined when there is none, or it is no such thing. */
export async function readState<T>(path: string, schema: s.Schema<unknown, T>): Promise<T | undefined> {
  try {
    return s.parse(schema, JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined; // none yet, torn, or another version's: as at the first start
  }
}
