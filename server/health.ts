import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { packageName } from '../protocol/version.ts';
import type { UpdatesFolder } from './updates-folder.ts';

/** What OPQ Health reads from each service. Its request gives up after 2 s and reads nothing but a 200. */
export interface Health {
  readonly name: string;
  readonly ok: boolean;
  /** Whole seconds since the epoch. */
  readonly timestamp: number;
  /** In words, without paths: everyone may read it. */
  readonly info: string;
  readonly subcomponents: readonly Health[];
}

/** A folder on a network disk that is gone does not answer at all. */
const patienceMs = 1_000;

/** The server is well when its folder, and in it the newest package, can be read. */
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
  };
  const subcomponents = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => ({
      name,
      timestamp,
      ...(await outcome(check)),
      subcomponents: [],
    })),
  );
  const failed = subcomponents.filter(({ ok }) => !ok);
  const info = failed.map(({ name, info }) => `${name}: ${info}`).join('; ') || 'well';
  return { name: 'Box Update Server', ok: failed.length === 0, timestamp, info, subcomponents };
}

async function outcome(check: () => Promise<string>): Promise<{ ok: boolean; info: string }> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((_, reject) => {
    timer = setTimeout(() => reject({ code: `no answer within ${patienceMs} ms` }), patienceMs);
  });
  try {
    return { ok: true, info: await Promise.race([check(), late]) };
  } catch (error) {
    return { ok: false, info: `cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}` };
  } finally {
    clearTimeout(timer);
  }
}
