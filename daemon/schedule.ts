import { createHash } from 'node:crypto';
import { schedule as cron, type ScheduledTask } from 'node-cron';
import type { Config } from '../protocol/config-keys.ts';

export interface Schedule {
  /** Takes up a changed configuration. */
  apply(config: Config): void;
  /** After a failure the box tries again before its time. */
  retryAt(wallMs: number): void;
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

/** The longest wait that a timer of Node's takes. */
const maxTimerMs = 2 ** 31 - 1;

/** Calls `check` a while after the start, then as the schedule says, each box a bit later than the other. */
export function openSchedule({ boxId, firstCheckMs, now }: ScheduleOptions, check: () => void): Schedule {
  let task: ScheduledTask | undefined;
  let expression = '';
  let jitterMs = 0;
  const timers = new Map<string, { at: number; timer: NodeJS.Timeout }>();

  /** One timer a purpose; a new one takes the place of the old. */
  function plan(what: string, inMs: number): void {
    clearTimeout(timers.get(what)?.timer);
    const due = () => {
      timers.delete(what);
      check();
    };
    timers.set(what, { at: now() + inMs, timer: setTimeout(due, Math.min(Math.max(inMs, 0), maxTimerMs)) });
  }

  plan('first', firstCheckMs);
  return {
    apply(config) {
      jitterMs = jitterOf(boxId, config.jitter_s);
      if (config.schedule === expression) return;
      expression = config.schedule;
      void task?.destroy();
      task = cron(expression, () => plan('schedule', jitterMs));
    },
    retryAt(wallMs) {
      if (wallMs > now()) plan('retry', wallMs - now());
    },
    nextMs() {
      const byCron = task?.getNextRun()?.getTime();
      const planned = [...timers.values()].map(({ at }) => at);
      const all = byCron === undefined ? planned : [...planned, byCron + jitterMs];
      return all.length > 0 ? Math.min(...all) : null;
    },
    stop() {
      for (const { timer } of timers.values()) clearTimeout(timer);
      void task?.destroy();
    },
  };
}

/** A delay in ms from 0 up to `jitterS`, spread evenly over boxes, always the same for one box. */
export const jitterOf = (boxId: string, jitterS: number): number =>
  Math.floor((createHash('sha256').update(boxId).digest().readUInt32BE(0) / 2 ** 32) * jitterS * 1000);
