import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { UpdateError } from '../protocol/errors.ts';
import { type Health, healthOf, type Look } from '../protocol/health.ts';
import { packageName } from '../protocol/version.ts';
import { inTime } from './in-time.ts';
import { namedRelease } from './named-release.ts';
import type { UpdatesFolder } from './updates-folder.ts';

/** A folder on a network disk that is gone does not answer at all. */
const patienceMs = 1_000;

/** The server is well when its folder, and in it the newest package, can be read, and version.json names that one. */
export async function health(folder: UpdatesFolder, nowMs: () => number): Promise<Health> {
  const timestamp = Math.floor(nowMs() / 1000);
  const checks = {
    'Updates Folder': async () => {
      const { length } = await folder.list();
      return `${length} ${length === 1 ? 'package' : 'packages'}`;
    },
    'Newest Package': async () => {
      const newest = (await folder.list()).at(-1);
      if (newest === undefined) return 'none';
      await (await open(join(folder.dir, packageName(newest.version)))).close();
      return `${newest.version}${newest.signed ? '' : ', without a signature'}`;
    },
    'Release File': () => namedRelease(folder),
  };
  const looks = Object.entries(checks).map(async ([name, check]) => [name, await outcome(check)] as const);
  return healthOf('Box Update Server', timestamp, Object.fromEntries(await Promise.all(looks)));
}

async function outcome(check: () => Promise<string>): Promise<Look> {
  try {
    return { ok: true, info: await inTime(check(), patienceMs) };
  } catch (error) {
    if (error instanceof UpdateError) return { ok: false, info: error.message.replace(/\.$/, '') };
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    const todo = code === 'EACCES' ? ', let the user of the server read updates_dir and what is in it' : '';
    return { ok: false, info: `cannot be read: ${code}${todo}` };
  }
}
