import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Config } from '../../protocol/config-keys.ts';
import type { Kept } from '../box/undo/selective.ts';
import { exists, remove, renameSafely, write } from '../files.ts';
import type { Step } from '../machine.ts';
import type { Places } from '../places.ts';
import { needSpace } from '../space.ts';
import { running } from './stop.ts';

/**
 * Prepares the undo of a confirmed release: makes a snapshot of the earlier one with what others have changed since,
 * and puts the box on trial with it by one rename. Until then nothing is touched.
 */
export const undo: Step<'undo'> = {
  resume: (at, { onTrial }) => (onTrial ? { ...at, step: 'rollback' } : at),

  async run(at, tools) {
    const { box, places, config, clock, log } = tools;
    const stoppedAtMs = clock.now();
    // The journal has it now.
    await remove(undoMark(places.previous));
    for (const name of running(at.baseline)) {
      // What it writes from here on may be lost, which is less than not to get rid of a bad release.
      await box.stopService(name).catch((error) => log.error(`${name} runs on during the undo`, error));
    }
    const kept = keptByUndo(places, (await config()).values);
    await box.prepareUndo(places.previous, {
      into: places.newSnapshot,
      aside: join(places.aside, at.update.id),
      kept,
      enough: (need) => needSpace(tools, [{ folder: places.state, ...need }]),
    });
    await forgetOldest(places, at.update.id);
    await write(join(places.run, 'trial'), `${clock.uptimeS()}\n`);
    await renameSafely(places.newSnapshot, places.trial);
    return { ...at, step: 'rollback', stoppedAtMs };
  },
};

/** Beside a snapshot: a person wants it back. */
export const undoMark = (snapshot: string): string => join(snapshot, 'undo-asked');

/** Stays as it is whoever changed it: what belongs to the box and its owner rather than to a release. */
export function keptByUndo(places: Places, config: Config): Kept {
  const own = [places.config, places.state].map((path) => relative(places.root, path));
  return {
    paths: [...config.preserve_paths, config.trusted_keys_path, config.builder_keys_path, config.tuf_root_path, ...own],
    // The proof that the undo was done.
    but: [config.installed_version_path],
  };
}

/** Of what undos kept aside only that of this one and of the newest other stay. */
async function forgetOldest({ aside }: Pick<Places, 'aside'>, id: string): Promise<void> {
  const others = (await exists(aside)) ? (await readdir(aside)).filter((name) => name !== id) : [];
  for (const name of others.sort().slice(0, -1)) await remove(join(aside, name));
}
