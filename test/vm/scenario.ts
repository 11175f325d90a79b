import type { Box, Whole } from './box.ts';
import type { Machine } from './machine.ts';
import type { Publisher } from './publisher.ts';
import type { Recipe } from './release.ts';

/** What a scenario is given; all of it is its own. */
export interface Context {
  /** Switched off, with a fresh disk over what the scenario starts from. */
  readonly machine: Machine;
  /** The same machine as an installed box. */
  readonly box: Box;
  readonly publisher: Publisher;
  /** What an installed box has before anything is updated. */
  readonly old: Whole;
  /** What it has after an update to this release by its usual script. */
  whole(recipe: Recipe): Whole;
  /** The checkout. */
  readonly repo: string;
  /** Folder of the bundles that are tested. */
  readonly programs: string;
  /** The package that is tested; null while there is none. */
  readonly deb: string | null;
  /** From 0 to 1, the same series in every run: a cut that found something can be found again. */
  random(): number;
  /** A line for whoever watches. */
  say(text: string): void;
  /** What must hold. @throws with the message and both values */
  expect<T>(what: string, found: T, expected: T): void;
}

export interface Scenario {
  /** Words of a file name. */
  readonly name: string;
  /** What is done, for the table of results. */
  readonly about: string;
  /** One of the few that run on every change. */
  readonly quick: boolean;
  /** What the updater has yet to learn for it: until then it runs only when it is asked for by name, and all others say so. */
  readonly waitsFor?: string;
  /** What its disk starts from: a Debian that has never seen us, or a box with a release. */
  readonly from: 'image' | 'box';
  /** Longer than this and it has failed; default 40 minutes. */
  readonly limitS?: number;
  /** @returns the end state, for the table of results; throws when anything is not as it must be */
  run(context: Context): Promise<string>;
}
