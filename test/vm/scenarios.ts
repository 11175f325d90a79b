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
  writesOn,
} from './scenarios/bad-after-boot.ts';
import { badScripts } from './scenarios/bad-scripts.ts';
import { clockScenarios } from './scenarios/clocks.ts';
import { cutAfterMasking, cutDuringScript } from './scenarios/cuts.ts';
import { deb } from './scenarios/deb.ts';
import { docs } from './scenarios/docs.ts';
import { cutsGuardBoot, cutsGuardWatch } from './scenarios/guard-cuts.ts';
import { harness } from './scenarios/harness.ts';
import { lossyDisk } from './scenarios/lossy-disk.ts';
import { migrate } from './scenarios/migrate.ts';
import { networkDown } from './scenarios/network.ts';
import { originalScripts } from './scenarios/original-scripts.ts';
import { page } from './scenarios/page.ts';
import { cutDuringConfirm, cutsAfterScript, cutsBeforeScript, cutsInScript } from './scenarios/power-cuts.ts';
import { scriptReboots } from './scenarios/script-reboots.ts';
import { selfUpdate, selfUpdateBad } from './scenarios/self-update.ts';
import { shutdowns } from './scenarios/shutdown.ts';
import { strangers } from './scenarios/strangers.ts';
import { goodUpdate } from './scenarios/update.ts';
import { updaterDies } from './scenarios/updater-dies.ts';

/** All of them, in the order in which they run. */
export const scenarios: readonly Scenario[] = [
  harness,
  deb,
  migrate,
  docs,
  goodUpdate,
  originalScripts,
  healthFailed,
  writesOn,
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
  selfUpdate,
  selfUpdateBad,
  cutDuringScript,
  cutAfterMasking,
  cutDuringConfirm,
  cutsBeforeScript,
  cutsInScript,
  cutsAfterScript,
  cutsGuardBoot,
  cutsGuardWatch,
  lossyDisk,
  shutdowns,
  ...clockScenarios,
  networkDown,
  strangers,
  page,
];
