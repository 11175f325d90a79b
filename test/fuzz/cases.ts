import { mkdirSync, writeFileSync } from 'node:fs';
import { randomOf } from './random.ts';
import type { Target } from './target.ts';

export interface Run {
  readonly target: string;
  readonly seed: number;
  /** Number of the first case, and how many. */
  readonly from: number;
  readonly cases: number;
}

export interface Failure {
  readonly case: number;
  readonly what: string;
  readonly inputPath: string;
}

export type Report =
  | { readonly done: number }
  | { readonly tally: Readonly<Record<string, number>>; readonly failures: readonly Failure[] };

/** A target that fails this often has been understood. */
const enoughFailures = 5;

/** Gives a target its cases; says how far it is, and last what came out. */
export async function runCases(target: Target, { seed, from, cases }: Run, report: (report: Report) => void) {
  const opened = await target.open();
  const tally: Record<string, number> = {};
  const failures: Failure[] = [];
  const fail = (n: number, input: Buffer, thrown: unknown) => {
    const inputPath = `coverage/fuzz-failures/${target.name.replaceAll(/\W/g, '-')}-${seed}-${n}`;
    mkdirSync('coverage/fuzz-failures', { recursive: true });
    writeFileSync(inputPath, input);
    failures.push({ case: n, what: String((thrown as Error)?.stack ?? thrown), inputPath });
  };
  let next = from;
  const lane = async () => {
    while (next < from + cases && failures.length < enoughFailures) {
      const n = next++;
      if (n % 100 === 0) report({ done: n });
      const input = opened.make(randomOf(seed, n));
      try {
        const verdict = await opened.judge(input);
        tally[verdict] = (tally[verdict] ?? 0) + 1;
      } catch (thrown) {
        fail(n, input, thrown);
      }
    }
  };
  await Promise.all(Array.from({ length: target.sideBySide }, lane));
  await opened.close().catch((thrown: unknown) => fail(from + cases, Buffer.alloc(0), thrown));
  report({ tally, failures });
}
