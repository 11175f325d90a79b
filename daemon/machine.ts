/**
 * The update as a map: start reading here. `edges` says where each step may lead, `facts.ts` what is known in it,
 * `steps/` does the work, `engine.ts` walks. A step that returns something that is no edge does not compile.
 */
import type { Box } from './box/box.ts';
import type { ScriptRecord } from './box/script-end.ts';
import type { Facts, StepName } from './facts.ts';
import type { Tools } from './tools.ts';

/** From each step, the only steps that may follow. */
export const edges = {
  idle: ['download', 'undo', 'rollback'],
  download: ['verify', 'idle'],
  verify: ['unpack', 'idle'],
  unpack: ['snapshot', 'idle'],
  snapshot: ['stop', 'idle'],
  stop: ['install', 'idle', 'rollback'],
  install: ['reboot', 'rollback'],
  reboot: ['confirm', 'rollback'],
  confirm: ['idle', 'rollback'],
  undo: ['rollback', 'idle'],
  rollback: ['restored', 'stuck'],
  restored: ['idle', 'stuck'],
  stuck: ['rollback', 'download'],
} as const satisfies Record<StepName, readonly StepName[]>;

/**
 * Where a step leads when it fails. In `stop` the snapshot becomes `trial/`: before that nothing was touched and
 * the way is back to `idle`, after it only the snapshot leads back (the engine looks which).
 */
export const failsTo = {
  download: 'idle',
  verify: 'idle',
  unpack: 'idle',
  snapshot: 'idle',
  install: 'rollback',
  reboot: 'rollback',
  confirm: 'rollback',
  undo: 'idle',
  rollback: 'stuck',
  restored: 'stuck',
} as const satisfies { [K in Exclude<Working, 'stop'>]: (typeof edges)[K][number] };

/** The steps in which something runs; in `idle` and `stuck` the machine rests. */
export type Working = Exclude<StepName, 'idle' | 'stuck'>;

/** A position on the map with all that is known there: what the journal holds. */
export type At<N extends StepName = StepName> = { [K in N]: { readonly step: K } & Facts[K] }[N];

/** The positions that may follow a step. */
export type Next<N extends StepName> = At<(typeof edges)[N][number]>;

/** How the daemon came to find a step unfinished. */
export interface Boot {
  /** True: the same boot, so only the daemon died. False: the box was rebooted or lost power. */
  readonly same: boolean;
  /** True: the snapshot of this update lies in `trial/`, so something was stopped or installed. */
  readonly onTrial: boolean;
  /** How the boot before this one ended. */
  readonly shutdown: Awaited<ReturnType<Box['lastShutdown']>>;
  /** Version on the box now, undefined when unreadable. */
  readonly installed: number | undefined;
  /** How install_update.sh ended, where that was written down. */
  readonly script: ScriptRecord | undefined;
  /** What of the updater's own is another than before the script; empty where no script ran. */
  readonly tamperedWith: readonly string[];
}

export interface Step<N extends Working> {
  /** Where to go on after the daemon ended in the middle of this step. */
  resume(at: At<N>, boot: Boot): At<N> | Next<N>;
  /** Does the work; what it throws leads to `failsTo`. */
  run(at: At<N>, tools: Tools): Promise<Next<N>>;
}
