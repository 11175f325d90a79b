import { appendFileSync, lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { expect } from 'vitest';
import { UpdateError } from '../../protocol/errors.ts';
import type { Publisher } from '../support/publisher.ts';
import { type BoxOptions, makeBox, oldRelease } from '../support/scratch-box.ts';
import { boundMb, watchMemory } from './memory.ts';

export type HostileBox = Awaited<ReturnType<typeof openHostileBox>>;

/** Where the updater itself may write; beside the download folder these are its own, and judged by name. */
const downloads = 'var/opq/updater';
const own = ['var/opq', 'var/lib/opq-updater', 'var/log/opq', 'run'].map((folder) => `box/${folder}`);
const documented = /^(box-id|black-box(\.old)?\.jsonl|held-since|floor|history\.jsonl|journal\.json)$/;

/** A whole box that is attacked many times, one time after the other, and must be the same after each. */
export async function openHostileBox(publisher: Publisher, options: BoxOptions) {
  const { box, work } = await makeBox({ keys: [publisher.key.publicPath], ...options });
  await box.boot();
  await box.until('the service', () => box.serving() === oldRelease.version);
  mkdirSync(join(work, 'outside'));
  const memory = await watchMemory(box);
  const before = await lookAt();

  /** All that no attack may change. */
  async function lookAt() {
    const { boot_id, installed, state } = await box.status();
    const files = listing(work).filter(([name]) => !own.some((folder) => `${name}/`.startsWith(`${folder}/`)));
    return {
      boot_id,
      installed,
      state,
      daemon: memory.daemon(),
      service: box.serviceProcess(),
      tree: box.tree(),
      files: Object.fromEntries(files.filter(([name]) => name !== 'console')),
      unknown: box.names('var/lib/opq-updater').filter((name) => !documented.test(name)),
      downloads: box.has(downloads) ? box.names(downloads) : [],
    };
  }

  return {
    box,
    /** A folder beside the box, which nobody may write to. */
    outside: join(work, 'outside'),
    /**
     * The code with which an update is refused, asked for in any way.
     * @param patienceS how long it may take; a minute or two by default
     */
    async refusalOf(ask: () => Promise<{ id: string }>, patienceS?: number): Promise<string> {
      try {
        const { outcome, because } = await box.ended((await ask()).id, patienceS);
        return because === null ? outcome : because.code;
      } catch (error) {
        if (error instanceof UpdateError) return error.code;
        throw error;
      }
    },
    /** Same release, same processes, nothing written where it does not belong, and the daemon answers. */
    async expectUntouched(): Promise<void> {
      const { downloads: found, ...now } = await lookAt();
      // Of a download that may go on the next time, the beginning stays.
      const left = found.filter((name) => !/\.tar\.bz2\.(sig|unverified(\.etag)?)$/.test(name));
      expect({ ...now, downloads: left }).toEqual(before);
    },
    /** After the whole suite: how much memory it took, for who runs it to see, and within its bounds. */
    expectBounded(name: string, childLimitMb: number): void {
      const { idleMb, daemonMb, childMb } = memory.stop();
      report({ name, idleMb, daemonMb, childMb, childLimitMb });
      expect(daemonMb).toBeLessThan(idleMb + boundMb(40));
      expect(childMb).toBeLessThan(boundMb(childLimitMb));
    },
    /** Texts on the box that have one of these in them, other than the configuration and its copies. */
    filesWith(canaries: readonly string[]): string[] {
      const kept = /^box\/(etc\/opq\/|var\/lib\/opq-updater\/(previous|trial)\/tree\.tar$)/;
      const names = listing(work).map(([name]) => name);
      return names.filter((name) => {
        const path = join(work, name);
        if (kept.test(name) || !lstatSync(path).isFile()) return false;
        const text = readFileSync(path, 'latin1');
        return canaries.some((canary) => text.includes(canary));
      });
    },
    async close(): Promise<void> {
      await box.cutPower();
      await rm(work, { recursive: true, force: true });
    },
  };
}

/** A line of figures for `npm run test:hostile`. */
export function report(figures: Readonly<Record<string, string | number>>): void {
  const file = process.env.HOSTILE_FIGURES;
  if (file) appendFileSync(file, `${JSON.stringify(figures)}\n`);
}

/** Everything below a folder: what it is, whose, and when its content was changed last. */
function listing(root: string): [string, string][] {
  const found: [string, string][] = [];
  const walk = (folder: string) => {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      const stat = lstatSync(path, { throwIfNoEntry: false });
      if (!stat) continue; // it was there a moment ago
      const about = stat.isDirectory() ? '' : ` ${stat.size} ${stat.mtimeMs}`;
      found.push([relative(root, path), `${stat.mode.toString(8)} ${stat.uid}:${stat.gid}${about}`]);
      if (stat.isDirectory()) walk(path);
    }
  };
  walk(root);
  return found;
}
