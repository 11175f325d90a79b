import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plan } from './plan.ts';

/** What came of a build. "nothing": no component was left to install. */
export type Outcome = 'done' | 'nothing' | 'conflict' | 'too-large' | 'failed';

/** What is known of a build that ended, beside its files; written by the worker as the last of them. */
export interface About {
  readonly plan: Plan;
  readonly outcome: Outcome;
  /** For people: why there is no image; null when there is one. */
  readonly error: string | null;
  /** File names that clients may fetch. */
  readonly files: readonly string[];
  /** File name and SHA-256 (hex) of the image; null when there is none. */
  readonly image: { readonly name: string; readonly sha256: string } | null;
  readonly log: string;
  /** Bytes of all files together. */
  readonly sizeBytes: number;
  readonly builtAtMs: number;
  readonly buildMs: number;
}

export const aboutName = '.about.json';

/** Undefined when there is no such build. What is there was written by a worker of ours, whole. */
export async function readAbout(folder: string): Promise<About | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, aboutName), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
