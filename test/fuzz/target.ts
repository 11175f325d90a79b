import { asUpdateError } from '../../protocol/errors.ts';
import type { Random } from './random.ts';

/** One thing that reads what others write. */
export interface Target {
  readonly name: string;
  /** Cases of a whole run. */
  readonly cases: number;
  /** Cases under way at a time. */
  readonly sideBySide: number;
  open(): Promise<Opened>;
}

export interface Opened {
  /** The input of one case. */
  make(random: Random): Buffer;
  /**
   * Gives it to the code under test. @returns `accepted`, or why it was refused
   * @throws Broken, or anything else: what must not be
   */
  judge(input: Buffer): Promise<string> | string;
  /** @throws Broken when something is wrong that only shows at the end */
  close(): Promise<void>;
}

/** A rule of ours does not hold. */
export class Broken extends Error {}

/** What a parser makes of an input: the value, or the code of its refusal. */
export function outcome<T>(read: () => T): { value: T } | { code: string } {
  try {
    return { value: read() };
  } catch (thrown) {
    return { code: refusal(thrown) };
  }
}

/** @throws what is not a refusal */
export function refusal(thrown: unknown): string {
  const { code } = asUpdateError(thrown);
  if (code === 'INTERNAL') throw thrown;
  return code;
}

/** A parser of which another reading of its rules knows the answer. */
export function agree(accepted: boolean, right: boolean): void {
  if (accepted && !right) throw new Broken('It was accepted, and the rules forbid it.');
  if (!accepted && right) throw new Broken('It was refused, and the rules allow it.');
}
