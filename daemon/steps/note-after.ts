import { join } from 'node:path';
import { exists } from '../files.ts';
import type { Tools } from '../tools.ts';

/**
 * Notes, once, what the update has made of its folders: as soon as the release is proven to be installed, so that
 * what is written later counts as somebody else's. Without it an undo keeps more aside, and that is all.
 */
export async function noteAfter({ box, places, log }: Pick<Tools, 'box' | 'places' | 'log'>): Promise<void> {
  try {
    if (!(await exists(join(places.trial, 'after')))) await box.noteAfter(places.trial);
  } catch (error) {
    log.error('what the update changed could not be noted', error);
  }
}
