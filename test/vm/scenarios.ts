import type { Scenario } from './scenario.ts';
import {
  bootHangs,
  guardMasked,
  healthFailed,
  networkLost,
  nodeBroken,
  rebootLoop,
  updaterMasked,
  updaterReplaced,
} from './scenarios/bad-after-boot.ts';
import { badScripts } from './scenarios/bad-scripts.ts';
import { cutDuringScript } from './scenarios/cuts.ts';
import { harness } from './scenarios/harness.ts';
import { originalScripts } from './scenarios/original-scripts.ts';
import { scriptReboots } from './scenarios/script-reboots.ts';
import { goodUpdate } from './scenarios/update.ts';
import { updaterDies } from './scenarios/updater-dies.ts';

/** All of them, in the order in which they run. */
export const scenarios: readonly Scenario[] = [
  harness,
  goodUpdate,
  originalScripts,
  healthFailed,
  networkLost,
  nodeBroken,
  updaterReplaced,
  updaterMasked,
  bootHangs,
  rebootLoop,
  guardMasked,
  badScripts,
  scriptReboots,
  updaterDies,
  cutDuringScript,
];
