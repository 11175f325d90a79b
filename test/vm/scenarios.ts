import type { Scenario } from './scenario.ts';
import { cutDuringScript } from './scenarios/cuts.ts';
import { harness } from './scenarios/harness.ts';
import { goodUpdate } from './scenarios/update.ts';

/** All of them, in the order in which they run. */
export const scenarios: readonly Scenario[] = [harness, goodUpdate, cutDuringScript];
