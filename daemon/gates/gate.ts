import type { LoadedConfig } from '../../protocol/config.ts';
import type { ErrorCode } from '../../protocol/error-codes.ts';
import type { Conditions } from '../box/conditions.ts';
import type { Offer } from '../facts.ts';
import type { Program } from '../owners-programs.ts';
import type { Postponement } from '../postponement.ts';
import type { Quarantined } from '../quarantine.ts';

/** All that gates look at: gathered once, so that every row sees the same moment. */
export interface GateFacts {
  readonly config: LoadedConfig;
  readonly keys: number;
  /** What would be installed; null = nothing is known to be on offer. */
  readonly offer: Pick<Offer, 'version' | 'sizeBytes' | 'hardware' | 'sha256' | 'components'> | null;
  readonly floor: number;
  readonly quarantine: readonly Quarantined[];
  /** Whether the release on offer was installed here, and then undone. */
  readonly undone: boolean;
  readonly hardware: string | null;
  /** Bytes that the download folder's file system has. */
  readonly freeBytes: number;
  /** Wall clock, ms. */
  readonly nowMs: number;
  /** False: the wall clock may be years off. */
  readonly clockKnown: boolean;
  /** After so many failures in a row, the last of this code, updates are held back until then (wall clock, ms; 0 = not). */
  readonly backOff: { readonly failures: number; readonly code: string | null; readonly untilMs: number };
  /** The release whose undo could not be finished; null = none. */
  readonly stuck: number | null;
  readonly postponement: Postponement | null;
  /** What the programs in `gates_dir` said. */
  readonly programs: readonly Program[];
  readonly conditions: Conditions;
  /** Wall clock since which gates have held the schedule back, ms; null = they do not. */
  readonly heldSinceMs: number | null;
}

export interface Look {
  readonly value: string;
  readonly limit: string;
  /** Why it is closed; missing = it is open. */
  readonly closed?: readonly [ErrorCode, string];
  /** Wall clock at which it opens by itself, ms; missing = nobody can tell. */
  readonly untilMs?: number;
}

export interface Row {
  /**
   * Who gets through while it is closed: `person` = whoever asks for an update by hand; `time` = a person, and after
   * `max_deferral_s` the schedule as well; `nobody`.
   */
  readonly yields: 'nobody' | 'person' | 'time';
  look(facts: GateFacts): Look;
}

export type Rows = Readonly<Record<string, Row>>;

export const minutesText = (ms: number): string => `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
