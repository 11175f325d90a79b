import { createHash } from 'node:crypto';
import type { Config } from '../protocol/config-keys.ts';
import { nextTime } from './cron-times.ts';

export interface Schedule {
  /** Takes up a changed configuration. */
  apply(config: Config): void;
  /** After a failure the box tries again before its time; a time that is past = no need to any more. */
  retryAt(wallMs: number): void;
  /** A gate holds an update back that may open then: tried again, each box a bit later than the other. */
  heldUntil(wallMs: number): void;
  /** Wall clock of the next check, ms; null when there is none. */
  nextMs(): number | null;
  stop(): void;
}

export interface ScheduleOptions {
  /** A name that this box alone has: its jitter follows from it, so it is the same every day. */
  readonly boxId: string;
  readonly firstCheckMs: number;
  now(): number;
}

/** How often the clock is looked at: it may jump, by years when a box without a battery learns the time. */
const lookMs = 10 * 60_000;

/** A window may be short. */
const longestHeldJitterMs = 15 * 60_000;

/** The longest wait that a timer of Node's takes. */
const maxTimerMs = 2 ** 31 - 1;

/** Calls `check` a while after the start, then as the schedule says, each box a bit later than the other. */
export function openSchedule({ boxId, firstCheckMs, now }: ScheduleOptions, check: () => void): Schedule {
  /** Null = never by itself: cron or a person asks. */
  let expression: string | null = '';
  let jitterMs = 0;
  let dueMs = Number.POSITIVE_INFINITY;
  let looking: NodeJS.Timeout | undefined;
  const timers = new Map<string, { at: number; timer: NodeJS.Timeout }>();

  function drop(what: string): void {
    clearTimeout(timers.get(what)?.timer);
    timers.delete(what);
  }

  /** One timer a purpose; a new one takes the place of the old. */
  function plan(what: string, inMs: number): void {
    drop(what);
    const due = () => {
      timers.delete(what);
      check();
    };
    timers.set(what, { at: now() + inMs, timer: setTimeout(due, Math.min(Math.max(inMs, 0), maxTimerMs)) });
  }

  /**
   * In place of node-cron's own timer, which drops a time when it comes a second too late, and after a jump of the
   * clock goes through every time in between: minutes of work for a box that was off for a year.
   */
  function look(): void {
    // A timer for each time, as the next one may come before this one's jitter is over.
    if (now() >= dueMs) plan(`schedule ${dueMs}`, jitterMs);
    dueMs = expression ? nextTime(expression, now()) : Number.POSITIVE_INFINITY;
    looking = setTimeout(look, Math.min(Math.max(dueMs - now(), 0), lookMs));
  }

  plan('first', firstCheckMs);
  return {
    apply(config) {
      jitterMs = jitterOf(boxId, config.jitter_s);
      if (config.schedule === expression) return;
      expression = config.schedule;
      clearTimeout(looking);
      dueMs = Number.POSITIVE_INFINITY;
      if (expression === null) return [...timers.keys()].forEach(drop);
      look();
    },
    retryAt(wallMs) {
      if (wallMs > now() && expression !== null) plan('retry', wallMs - now());
      else drop('retry');
    },
    heldUntil(wallMs) {
      if (expression !== null) plan('held', wallMs - now() + Math.min(jitterMs, longestHeldJitterMs));
    },
    nextMs() {
      const next = Math.min(dueMs + jitterMs, ...[...timers.values()].map(({ at }) => at));
      // Not a time that is over, as one that was planned before the clock was put right.
      return next < Number.POSITIVE_INFINITY ? Math.max(next, now()) : null;
    },
    stop() {
      clearTimeout(looking);
      for (const what of timers.keys()) drop(what);
    },
  };
}

/** A delay in ms from 0 up to `jitterS`, spread evenly over boxes, always the same for one box. */
export const jitterOf = (boxId: string, jitterS: number): number =>
  Math.floor((createHash('sha256').update(boxId).digest().readUInt32BE(0) / 2 ** 32) * jitterS * 1000);
