/** What the processes that try disks have found out, for all of them: a file each, in memory. */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Report } from './report.ts';

/** @param name of this process among them */
export function openKnown(folder: string, name: string) {
  const place = join(folder, 'known');
  mkdirSync(place, { recursive: true });
  const fileOf = (like: string) => join(place, like.replaceAll('/', '_'));
  return {
    /** What came of a box that was like this one. */
    get(like: string): Report | undefined {
      try {
        return JSON.parse(readFileSync(fileOf(like), 'utf8'));
      } catch {
        return undefined; // nobody knows yet
      }
    },
    /** Whole or not at all, as others read meanwhile. */
    put(likes: readonly string[], report: Report): void {
      if (likes.length === 0) return;
      const making = join(place, `making-${name}`);
      writeFileSync(making, JSON.stringify({ ...report, log: report.log.slice(-30) }));
      for (const like of likes) {
        rmSync(`${making}.name`, { force: true });
        linkSync(making, `${making}.name`);
        renameSync(`${making}.name`, fileOf(like));
      }
      rmSync(making);
    },
  };
}
